/** gpu.js on the best backend that really computes. Runs in the device thread. */
import { GPU, type IKernelRunShortcut } from 'gpu.js'

export type Backend = 'gpu' | 'cpu'

export interface Device {
  readonly backend: Backend
  readonly gpu: GPU
}

const PROBE = [1, 2, 3]

/** gpu.js may claim a GPU that it cannot use, so a backend counts only after it has computed something right. */
export function openDevice(): Device {
  for (const backend of ['gpu', 'cpu'] as const) {
    const gpu = tryBackend(backend)
    if (gpu !== null) return { backend, gpu }
  }
  throw new Error('no backend of gpu.js computes, not even its CPU mode')
}

function tryBackend(backend: Backend): GPU | null {
  if (backend === 'gpu' && !GPU.isHeadlessGLSupported) return null
  try {
    const gpu = new GPU({ mode: backend })
    const kernel: IKernelRunShortcut = gpu.createKernel(
      function (this: { thread: { x: number } }, values: number[]) {
        return values[this.thread.x]! * 2
      },
      { output: [PROBE.length] },
    )
    const result = Array.from(kernel(PROBE) as ArrayLike<number>)
    return result.every((value, index) => value === PROBE[index]! * 2) ? gpu : null
  } catch {
    return null
  }
}
