import type { JsonText } from '../../schemas/json.ts'
import { kernelLabel } from '../../schemas/kernel/kernel-label.ts'

/** The block whose steps name a kernel. */
const KERNEL_BLOCK = 'kernel'
/** Characters at either end of an input that are looked at: between them lie the numbers. */
const LOOKED_AT = 2_048
const KERNEL_FIELD = /"kernel"\s*:\s*"([a-z0-9-]{1,40})"/

/** The label of the kernel that the step runs, or `null`. A guess from the text, which is cheap: it says where the step would start soonest, no more. */
export function kernelOf(block: string, input: JsonText): string | null {
  if (block !== KERNEL_BLOCK) return null
  const ends = input.length <= 2 * LOOKED_AT ? input : `${input.slice(0, LOOKED_AT)} ${input.slice(-LOOKED_AT)}`
  const kernel = KERNEL_FIELD.exec(ends)?.[1]
  return kernel === undefined ? null : kernelLabel(kernel, ends)
}
