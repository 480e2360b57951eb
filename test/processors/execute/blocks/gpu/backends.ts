/** The backends that this machine can be tested on. */
import { existsSync } from 'node:fs'
import { BACKENDS, type Backend } from '../../../../../processors/execute/blocks/gpu/device/backend-names.ts'
import type { GpuSettings } from '../../../../../processors/execute/blocks/gpu/gpu-settings.ts'
import type { BuiltInBlocks } from '../../../../../processors/execute/blocks/registry.ts'
import type { Json } from '../../../../../schemas/json.ts'
import { contextOf, openBlocks } from '../support.ts'

/** Vulkan in software, of Debian's chromium; `scripts/test-tools` installs it. */
export const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json'
const hasSwiftShader = existsSync(SWIFTSHADER)

/** Headless GL wants a package that is built against an X server; nobody tests it. */
export const TESTED: readonly Backend[] = BACKENDS.filter((backend) => {
  return backend === 'webgpu' ? hasSwiftShader : backend !== 'headlessgl'
})
if (!hasSwiftShader) console.warn(`${SWIFTSHADER} is missing: WebGPU is not tested`)

/** One that needs nothing installed. */
export const ANY: Backend = 'webasm'

export function openGpu(backend: Backend, settings: GpuSettings = {}): BuiltInBlocks {
  return openBlocks({ gpu: { backend, vulkanDriver: SWIFTSHADER, ...settings } })
}

export type Run = (
  input: { readonly [field: string]: unknown },
  context?: Parameters<typeof contextOf>[0],
) => Promise<Json>

export function runner(set: BuiltInBlocks): Run {
  const block = set.blocks.find(({ type }) => type === 'kernel')!
  return async (input, context) => await block.run(contextOf(context), input as Json)
}
