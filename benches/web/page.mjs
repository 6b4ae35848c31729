// ConvNet-D3 in jax-js and in TensorFlow.js: cross-entropy of 32x32 images with the gradient of the images or of the
// parameters, as `attar::bench::ConvNet` computes it (and the published code: with one input channel the first convolution
// has padding 3). Each returns the milliseconds of its rounds.
import { blockUntilReady, defaultDevice, init, jit, lax, nn, numpy as np, valueAndGrad } from "@jax-js/jax";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
import "@tensorflow/tfjs-backend-webgpu";

const CLASSES = 10;
const SIDE = 32;
const EPSILON = 1e-5;

/** Shapes of the parameters, block by block, then of the classifier. */
function shapes({ channels, width }) {
  const blocks = [channels, width, width].map((inputs) => ({
    kernel: [width, inputs, 3, 3],
    bias: [1, width, 1, 1],
    scale: [1, width, 1, 1],
    shift: [1, width, 1, 1],
  }));
  return { blocks, weight: [width * (SIDE / 8) ** 2, CLASSES], bias: [1, CLASSES] };
}

/** Of the convolution that reads an image of so many channels. */
const padding = (channels) => (channels === 1 ? 3 : 1);

/** The same structure with `make(shape)` in place of every shape. */
function filled({ blocks, weight, bias }, make) {
  const each = (block) => Object.fromEntries(Object.entries(block).map(([name, shape]) => [name, make(shape)]));
  return { blocks: blocks.map(each), weight: make(weight), bias: make(bias) };
}

const size = (shape) => shape.reduce((product, length) => product * length, 1);

/** Small numbers that are not all alike. */
const values = (shape) => Float32Array.from({ length: size(shape) }, (_, index) => Math.sin(index * 12.9898) * 0.1);

const targets = (batch) => Float32Array.from({ length: batch * CLASSES }, (_, at) => Number(at % CLASSES === 0));

/** Rounds, after two that compile and warm up. */
async function rounds(count, round) {
  const taken = [];
  for (let index = 0; index < count + 2; index++) {
    const start = performance.now();
    await round();
    taken.push(performance.now() - start);
  }
  return taken.slice(2);
}

export async function jax({ channels, width, batch, all, count }) {
  await init("webgpu");
  defaultDevice("webgpu");
  const array = (shape) => np.array(values(shape), { shape });
  const block = (x, { kernel, bias, scale, shift }) => {
    const pad = padding(kernel.shape[1]);
    const y = lax.convGeneralDilated(x, kernel, [1, 1], [[pad, pad], [pad, pad]]).add(bias);
    const centred = y.ref.sub(np.mean(y, [2, 3], { keepdims: true }));
    const variance = np.mean(np.square(centred.ref), [2, 3], { keepdims: true });
    const normed = nn.relu(centred.div(np.sqrt(variance.add(EPSILON))).mul(scale).add(shift));
    const [n, c, ...sides] = normed.shape;
    const [h, w] = sides.map((side) => side >> 1);
    const even = sides.some((side) => side % 2) ? normed.slice([], [], [0, 2 * h], [0, 2 * w]) : normed;
    return np.mean(even.reshape([n, c, h, 2, w, 2]), [3, 5]);
  };
  const loss = (x, { blocks, weight, bias }, wanted) => {
    const features = blocks.reduce(block, x).reshape([batch, -1]);
    const logits = np.matmul(features, weight).add(bias);
    return np.sum(nn.logSoftmax(logits, -1).mul(wanted)).mul(-1 / batch);
  };
  const step = jit(valueAndGrad(loss, { argnums: all ? 1 : 0 }));
  const x = array([batch, channels, SIDE, SIDE]);
  const theta = filled(shapes({ channels, width }), array);
  const wanted = np.array(targets(batch), { shape: [batch, CLASSES] });
  const kept = (tree) => filled(tree, (leaf) => leaf.ref);
  return rounds(count, async () => {
    const [value, gradient] = step(x.ref, kept(theta), wanted.ref);
    await blockUntilReady(gradient);
    await value.data();
    const leaves = all ? [...gradient.blocks.flatMap(Object.values), gradient.weight, gradient.bias] : [gradient];
    leaves.forEach((leaf) => leaf.dispose());
  });
}

export async function tensorflow({ channels, width, batch, all, count }) {
  await tf.setBackend("webgpu");
  await tf.ready();
  // Channels last, the only layout that its convolutions compute gradients in.
  const turned = (shape) => (shape.length === 4 ? [shape[2], shape[3], shape[1], shape[0]] : shape);
  const block = (x, { kernel, bias, scale, shift }) => {
    const y = tf.add(tf.conv2d(x, kernel, 1, padding(kernel.shape[2])), bias);
    const { mean, variance } = tf.moments(y, [1, 2], true);
    const normed = tf.relu(tf.add(tf.mul(tf.mul(tf.sub(y, mean), tf.rsqrt(tf.add(variance, EPSILON))), scale), shift));
    return tf.avgPool(normed, 2, 2, "valid");
  };
  const loss = (x, { blocks, weight, bias }, wanted) => {
    const features = tf.reshape(blocks.reduce(block, x), [batch, -1]);
    const logits = tf.add(tf.matMul(features, weight), bias);
    return tf.mul(tf.sum(tf.mul(tf.logSoftmax(logits), wanted)), -1 / batch);
  };
  const x = tf.tensor(values([batch, SIDE, SIDE, channels]), [batch, SIDE, SIDE, channels]);
  const wanted = tf.tensor(targets(batch), [batch, CLASSES]);
  const theta = filled(shapes({ channels, width }), (shape) => {
    // A bias of [1, width, 1, 1] is one of [1, 1, 1, width].
    const form = shape[0] === 1 && shape.length === 4 ? [1, 1, 1, shape[1]] : turned(shape);
    return tf.variable(tf.tensor(values(form), form));
  });
  const variables = [...theta.blocks.flatMap(Object.values), theta.weight, theta.bias];
  return rounds(count, async () => {
    const result = all
      ? tf.variableGrads(() => loss(x, theta, wanted), variables)
      : tf.valueAndGrad((x) => loss(x, theta, wanted))(x);
    const leaves = all ? Object.values(result.grads) : [result.grad];
    await Promise.all([result.value.data(), leaves.at(-1).data()]);
    tf.dispose([result.value, ...leaves]);
  });
}
