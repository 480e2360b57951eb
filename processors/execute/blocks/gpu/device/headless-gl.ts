/** OpenGL without a window, by the package `gl`, which gpu.js takes if it finds it. Runs in the device process. */
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { GPU, HeadlessGLKernel } from 'gpu.js'
import type { Found } from './open-backend.ts'

/** Four bytes for each point of a texture, as for a number of ours. */
const NUMBER_BYTES = 4
const OUT_OF_MEMORY = 0x0505
const CONTEXT_LOST = 0x9242
/** OpenGL keeps one of a kind. */
const ERRORS_MAX = 8

/** `software`: without a GPU too. The package does not tell what computes; where no GPU is to be seen a processor does. */
export function headlessGl(software: boolean): Found {
  const problem = problemOfPackage()
  if (problem !== null) return problem
  if (!software && isWithoutGpu()) return 'there is no GPU, and WebAssembly is faster than OpenGL in software'
  if (!GPU.isHeadlessGLSupported) return 'OpenGL gives no context: no X server (DISPLAY) or no driver'
  const { maxTextureSize } = HeadlessGLKernel.features as { readonly maxTextureSize: number }
  const gpu = new GPU({ mode: 'headlessgl' })
  const listeners: ((reason: string) => void)[] = []
  return {
    info: { backend: 'headlessgl', adapter: 'OpenGL', arrayMaxBytes: maxTextureSize ** 2 * NUMBER_BYTES, why: '' },
    gpu,
    // a texture keeps the size that it got first, whatever it is told
    isResizable: false,
    onLost: (listener) => void listeners.push(listener),
    fault: () => {
      const errors = errorsOf(gpu.context)
      if (errors.includes(CONTEXT_LOST)) for (const listener of listeners) listener('OpenGL lost its context')
      return errors.includes(OUT_OF_MEMORY) ? 'OutOfMemory' : null
    },
    lose: () => undefined,
  }
}

function problemOfPackage(): string | null {
  try {
    createRequire(createRequire(import.meta.url).resolve('gpu.js'))('gl')
    return null
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'MODULE_NOT_FOUND' && message.includes("'gl'")) return 'the package gl is not installed'
    return `the package gl does not load: ${message.slice(0, 200)}`
  }
}

/** On Linux a GPU is a file: of the kernel's own drivers, of NVIDIA's, or of Windows under it. */
function isWithoutGpu(): boolean {
  if (process.platform !== 'linux') return false
  const names = [...namesIn('/dev'), ...namesIn('/dev/dri')]
  return !names.some((name) => /^(?:renderD\d+|nvidia\d+|dxg)$/.test(name))
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/**
 * gpu.js does not ask, and answers with what happens to be there. Not every error means something: `gl` makes one each time when numbers go into a texture again, as it
 * wants to make the texture anew before it puts them in.
 */
function errorsOf(context: { getError(): number } | null): readonly number[] {
  const errors: number[] = []
  for (let error = context?.getError() ?? 0; error !== 0 && errors.length < ERRORS_MAX; ) {
    errors.push(error)
    error = context?.getError() ?? 0
  }
  return errors
}
