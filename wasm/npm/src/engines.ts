import { core } from "./core.js";
import type { EnginesReport } from "./types.js";

/** Which engines there are here. The CPU engine is always there, and always uses SIMD: without it nothing would load. */
export async function engines(): Promise<EnginesReport> {
  const { engine } = await core();
  const { name, adapter, reason } = await engine("auto");
  return {
    webgpu: { available: name === "webgpu", ...(adapter !== undefined && { adapter }), ...(reason !== undefined && { reason }) },
    cpu: { available: true, simd: true },
  };
}
