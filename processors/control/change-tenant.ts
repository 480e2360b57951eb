import { parseJson } from '../../schemas/json.ts'
import type { ChangeTenant, TenantChanged } from '../../schemas/records/control.ts'
import { type TenantPatch, tenantPatchProblem } from '../../schemas/records/tenant-patch.ts'
import type { Turn } from '../turn.ts'
import { broadcast } from './broadcast.ts'
import { onTenantChanged, TENANTS, type TenantPolicy } from './tenants.ts'

/** Why a change is refused: for the one who asked. */
interface Rejection {
  readonly code: 'invalid_request' | 'conflict'
  readonly message: string
  readonly details: { readonly [name: string]: unknown }
}

/** Makes the tenant's next revision and tells every partition of it, in one commit; or says what speaks against it. */
export function onChangeTenant(turn: Turn, record: ChangeTenant): void {
  if (turn.partition !== 0) {
    turn.emit('control', 0, record)
    return
  }
  const { tenant, replyTo } = record
  const changed = changeOf(turn, record)
  if (!('kind' in changed)) {
    const { code, message, details } = changed
    if (replyTo !== null) turn.reply(replyTo, { ok: false, code, body: { message, details } })
    return
  }
  onTenantChanged(turn, changed)
  broadcast(turn, tenant, changed)
  if (replyTo !== null) turn.reply(replyTo, { ok: true, code: 'changed', body: changed })
}

function changeOf(turn: Turn, { tenant, patch: text }: ChangeTenant): TenantChanged | Rejection {
  const patch = parseJson(text)
  const problem = tenantPatchProblem(patch)
  if (problem !== null) return refusal('patch', null, problem)
  const known = turn.get(TENANTS, tenant)
  const changed = changedPolicy(known, patch as TenantPatch)
  return rejectionOf(changed, known, turn.partitions) ?? { kind: 'TenantChanged', tenant, ...changed }
}

function changedPolicy(known: TenantPolicy | undefined, patch: TenantPatch): TenantPolicy {
  const pick = (name: 'maxConcurrency' | 'ratePerSecond' | 'burst' | 'spread'): number | null => {
    const given = patch[name]
    return given === undefined ? (known?.[name] ?? null) : given
  }
  return {
    revision: (known?.revision ?? 0) + 1,
    spread: pick('spread'),
    maxConcurrency: pick('maxConcurrency'),
    ratePerSecond: pick('ratePerSecond'),
    burst: pick('burst'),
    weight: patch.weight ?? known?.weight ?? 1,
  }
}

/**
 * Limits are divided over the partitions the tenant lies on, so none may be smaller than their number; and the spread decides where runs lie,
 * so once it is set it stays.
 */
function rejectionOf(changed: TenantPolicy, known: TenantPolicy | undefined, partitions: number): Rejection | null {
  const { spread, maxConcurrency, burst } = changed
  if (spread !== null && spread > partitions) {
    const message = `\`spread\` is ${spread}; expected at most the number of partitions, ${partitions}`
    return refusal('spread', spread, message)
  }
  const set = known?.spread ?? null
  if (set !== null && spread !== set) {
    return {
      code: 'conflict',
      message: `\`spread\` is ${set} since it was first set and cannot become ${spread}`,
      details: { path: 'spread', found: spread, expected: set },
    }
  }
  const shares = spread ?? partitions
  return indivisible('max_concurrency', maxConcurrency, shares) ?? indivisible('burst', burst, shares)
}

function indivisible(path: string, limit: number | null, shares: number): Rejection | null {
  if (limit === null || limit >= shares) return null
  const message =
    `\`${path}\` is ${limit}, but is divided over the ${shares} partitions that the tenant's runs lie on; ` +
    `expected at least ${shares}, or set \`spread\` to at most ${Math.max(1, Math.floor(limit))}`
  return refusal(path, limit, message)
}

function refusal(path: string, found: number | null, message: string): Rejection {
  return { code: 'invalid_request', message, details: { path, found } }
}
