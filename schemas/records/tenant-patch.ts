/** What of a tenant's limits is to change. Fields that are absent stay as they are; `null` takes a limit away. */
import type { Json } from '../json.ts'

export interface TenantPatch {
  /** Attempts running at once, 1..1,000,000,000. */
  readonly maxConcurrency?: number | null
  readonly ratePerSecond?: number | null
  readonly burst?: number | null
  /** 1..1000 */
  readonly weight?: number
  readonly spread?: number | null
}

const FIELDS = ['maxConcurrency', 'ratePerSecond', 'burst', 'weight', 'spread'] as const
const WHOLE: readonly string[] = ['maxConcurrency', 'weight', 'spread']

/** What is wrong with a patch, in words; `null`: it is one. */
export function tenantPatchProblem(found: Json): string | null {
  if (typeof found !== 'object' || found === null || Array.isArray(found)) return 'the patch is no object'
  for (const [name, value] of Object.entries(found)) {
    if (!(FIELDS as readonly string[]).includes(name)) {
      return `the patch names '${name}'; expected some of ${FIELDS.join(', ')}`
    }
    if (value === null && name !== 'weight') continue
    const whole = WHOLE.includes(name)
    if (typeof value !== 'number' || value <= 0 || (whole && !Number.isInteger(value))) {
      return `\`${name}\` is ${JSON.stringify(value)}; expected a positive ${whole ? 'whole ' : ''}number`
    }
  }
  return null
}
