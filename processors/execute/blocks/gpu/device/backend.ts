/** gpu.js on the best backend that really computes. Runs in the device process. */
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { GPU } from 'gpu.js'
import { BACKENDS, type Backend } from './backend-names.ts'
import { headlessGl } from './headless-gl.ts'
import type { Found, OpenBackend } from './open-backend.ts'

/** Drivers that compute on the CPU. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render/i
const PROBE = [1, 2, 3]

/**
 * `software`: WebGPU and OpenGL may be done in software; else WebAssembly is preferred to that, being faster.
 * @throws {Error} if none computes, or not the one that is asked for
 */
export async function openBackend(wanted: Backend | null, software: boolean): Promise<OpenBackend> {
  const why: string[] = []
  for (const backend of wanted === null ? BACKENDS : [wanted]) {
    const found = await tried(backend, software || wanted !== null)
    if (typeof found !== 'string') {
      const reason = wanted === null ? [...why, `${backend} computes`].join('; ') : `${backend} is set`
      return { ...found, info: { ...found.info, why: reason } }
    }
    why.push(`${backend}: ${found}`)
  }
  throw new Error(`no backend of gpu.js computes: ${why.join('; ')}`)
}

/** A backend counts only after it has computed something right: some are there and cannot. */
async function tried(backend: Backend, software: boolean): Promise<Found> {
  try {
    const found = await opened(backend, software)
    if (typeof found === 'string') return found
    const kernel = found.gpu.createKernel('function (values) { return values[this.thread.x] * 2; }', {
      output: [PROBE.length],
      precision: 'single',
    })
    const result = Array.from((await kernel(PROBE)) as ArrayLike<number>)
    kernel.destroy()
    return result.every((value, index) => value === PROBE[index]! * 2) ? found : `2 * ${PROBE} was ${result}`
  } catch (error) {
    return (error as Error).message.slice(0, 200)
  }
}

async function opened(backend: Backend, software: boolean): Promise<Found> {
  if (backend === 'webgpu') return webgpu(software)
  return backend === 'headlessgl' ? headlessGl(software) : simple(backend)
}

function simple(backend: 'webasm' | 'cpu'): Found {
  if (backend === 'webasm' && !GPU.isWebAssemblySupported) return 'no WebAssembly'
  return {
    info: { backend, adapter: `${availableParallelism()} cores`, arrayMaxBytes: null, why: '' },
    gpu: new GPU({ mode: backend }),
    isResizable: true,
    onLost: () => undefined,
    fault: () => null,
    lose: () => undefined,
  }
}

interface Bindings {
  create(flags: readonly string[]): GPU_
  readonly globals: object
}
interface GPU_ {
  requestAdapter(options?: object): Promise<Adapter | null>
}
interface Adapter {
  readonly info: { readonly vendor: string; readonly architecture: string; readonly description: string }
  readonly limits: { readonly maxStorageBufferBindingSize: number; readonly maxBufferSize: number }
  requestDevice(description: object): Promise<Device>
}
interface Device {
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>
  addEventListener(type: 'uncapturederror', listener: (event: { readonly error: Error }) => void): void
  destroy(): void
}

/** gpu.js looks for WebGPU where browsers have it, and asks for the device itself; we see it on its way. */
async function webgpu(software: boolean): Promise<Found> {
  const { create, globals } = (await import(createRequire(import.meta.url).resolve('webgpu'))) as Bindings
  Object.assign(globalThis, globals)
  const entry = create([])
  const adapter = await entry.requestAdapter({ powerPreference: 'high-performance' })
  if (adapter === null) return 'no adapter: no Vulkan loader (libvulkan.so.1) or no driver'
  if (!software && SOFTWARE.test(describe(adapter))) return `${describe(adapter)} is no GPU, and WebAssembly is faster`
  const listeners: ((reason: string) => void)[] = []
  let device: Device | null = null
  let fault: string | null = null
  const requestDevice = adapter.requestDevice.bind(adapter)
  adapter.requestDevice = async (description) => {
    device = await requestDevice(description)
    device.addEventListener('uncapturederror', ({ error }) => {
      fault = `${error.constructor.name}: ${error.message}`
    })
    void device.lost.then(({ reason, message }) => {
      for (const listener of listeners) listener(`${reason}: ${message}`)
    })
    return device
  }
  // the entry is kept: once it is collected, what came from it crashes
  const shown = { entry, requestAdapter: async () => adapter }
  Object.defineProperty(globalThis, 'navigator', {
    value: { gpu: shown, hardwareConcurrency: availableParallelism() },
    configurable: true,
  })
  const { limits } = adapter
  return {
    info: {
      backend: 'webgpu',
      adapter: describe(adapter),
      arrayMaxBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize),
      why: '',
    },
    gpu: new GPU({ mode: 'webgpu' }),
    isResizable: true,
    onLost: (listener) => void listeners.push(listener),
    fault: () => {
      const found = fault
      fault = null
      return found
    },
    lose: () => device?.destroy(),
  }
}

function describe({ info }: Adapter): string {
  return [info.vendor, info.architecture, info.description].filter((text) => text !== '').join(' ')
}
