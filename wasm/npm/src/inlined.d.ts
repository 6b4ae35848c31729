declare module "inlined:worker" {
  const source: string;
  export default source;
}
declare module "inlined:wasm" {
  const gzippedBase64: string;
  export default gzippedBase64;
}
