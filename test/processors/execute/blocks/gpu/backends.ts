/** The backends that this machine can be tested on. */
import { existsSync } from 'node:fs'
import { BACKENDS, type Backend } from '../../../../../processors/execute/blocks/gpu/device/backend-names.ts'
import type { GpuSettings } from '../../../../../processors/execute/blocks/gpu/gpu-settings.ts'
import type { BuiltInBlocks } from '../../../../../processors/execute/blocks/registry.ts'
import type { Json } from '../../../../../schemas/json.ts'
import { headlessGlLacks, offerHeadlessGl } from '../../../../support/headless-gl.ts'
import { contextOf, openBlocks } from '../support.ts'

/** Vulkan in software, of Debian's chromium. */
export const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json'

const lacks: { readonly [backend in Backend]?: string | null } = {
  webgpu: existsSync(SWIFTSHADER) ? null : SWIFTSHADER,
  headlessgl: headlessGlLacks(),
}
for (const [backend, what] of Object.entries(lacks)) {
  if (what !== null) console.warn(`${what} is missing: ${backend} is not tested`)
}

/** `scripts/test-tools` installs what they need. */
export const TESTED: readonly Backend[] = BACKENDS.filter((backend) => (lacks[backend] ?? null) === null)

/** One that needs nothing installed. */
export const ANY: Backend = 'webasm'

/** For `beforeAll` where `TESTED` ones are opened. */
export async function backendsReady(): Promise<(() => Promise<void>) | undefined> {
  return TESTED.includes('headlessgl') ? await offerHeadlessGl() : undefined
}

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
