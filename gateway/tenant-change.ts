/** The next revision of a tenant's limits. */
import type { TenantId } from '../schemas/ids.ts'
import type { TenantChanged } from '../schemas/records/control.ts'
import { RequestError } from './errors.ts'

/** Fields that are absent stay as they are; `null` takes a limit away. */
export interface TenantPatch {
  readonly maxConcurrency?: number | null
  readonly ratePerSecond?: number | null
  readonly burst?: number | null
  readonly weight?: number
  readonly spread?: number | null
}

/**
 * Limits are divided over the partitions the tenant lies on, so none may be smaller than their number; and the spread decides where runs lie,
 * so once it is set it stays.
 * @throws {RequestError}
 */
export function changeTenant(
  tenant: TenantId,
  known: TenantChanged | undefined,
  patch: TenantPatch,
  partitions: number,
): TenantChanged {
  const spread = patch.spread === undefined ? (known?.spread ?? null) : patch.spread
  if (spread !== null && spread > partitions) {
    refuse('spread', spread, `\`spread\` is ${spread}; expected at most the number of partitions, ${partitions}`)
  }
  const set = known?.spread ?? null
  if (set !== null && spread !== set) {
    throw new RequestError('conflict', `\`spread\` is ${set} since it was first set and cannot become ${spread}`, {
      details: { path: 'spread', found: spread, expected: set },
    })
  }
  const record: TenantChanged = {
    kind: 'TenantChanged',
    tenant,
    revision: (known?.revision ?? 0) + 1,
    spread,
    maxConcurrency: patch.maxConcurrency === undefined ? (known?.maxConcurrency ?? null) : patch.maxConcurrency,
    ratePerSecond: patch.ratePerSecond === undefined ? (known?.ratePerSecond ?? null) : patch.ratePerSecond,
    burst: patch.burst === undefined ? (known?.burst ?? null) : patch.burst,
    weight: patch.weight ?? known?.weight ?? 1,
  }
  const shares = spread ?? partitions
  checkDivisible('max_concurrency', record.maxConcurrency, shares)
  checkDivisible('burst', record.burst, shares)
  return record
}

function checkDivisible(path: string, limit: number | null, shares: number): void {
  if (limit === null || limit >= shares) return
  refuse(
    path,
    limit,
    `\`${path}\` is ${limit}, but is divided over the ${shares} partitions that the tenant's runs lie on; ` +
      `expected at least ${shares}, or set \`spread\` to at most ${Math.max(1, Math.floor(limit))}`,
  )
}

function refuse(path: string, found: number, message: string): never {
  throw new RequestError('invalid_request', message, { details: { path, found } })
}
