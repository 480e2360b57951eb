/** Attempts running at once, per tenant and partition, against the limits that `control` tells. */
import { shareOf, type TenantPolicy } from '../../processors/control/tenants.ts'
import type { TenantChanged } from '../../schemas/records/control.ts'
import type { Findings } from './findings.ts'

export class Concurrency {
  readonly #findings: Findings
  readonly #partitions: number
  /** By `tenant/partition`. */
  readonly #running = new Map<string, number>()
  /** By tenant: all its policies, and when the last of them arrived. */
  readonly #policies = new Map<string, { policies: TenantPolicy[]; sinceMs: number }>()

  constructor(findings: Findings, partitions: number) {
    this.#findings = findings
    this.#partitions = partitions
  }

  policy(record: TenantChanged, atMs: number): void {
    const known = this.#policies.get(record.tenant) ?? { policies: [], sinceMs: atMs }
    if (known.policies.some((policy) => policy.revision === record.revision)) return
    known.policies.push(record)
    this.#policies.set(record.tenant, known)
  }

  /** An attempt began (1) or ended (-1). */
  change(tenant: string, partition: number, by: 1 | -1, atMs: number, where: string): void {
    const key = `${tenant}/${partition}`
    const running = (this.#running.get(key) ?? 0) + by
    this.#running.set(key, running)
    if (by === -1) return
    const limit = this.#limit(tenant, partition, atMs)
    if (limit !== null && running > limit) {
      this.#findings.add(
        'concurrency_exceeded',
        where,
        `${running} attempts of tenant '${tenant}' at once; its share is ${limit}`,
      )
    }
  }

  /** Everything has ended, so nothing may be running. */
  expectNothing(): void {
    for (const [key, running] of this.#running) {
      if (running !== 0)
        this.#findings.add('slots_unbalanced', `tenant/partition ${key}`, `${running} attempts are left`)
    }
  }

  /** The most that any of the tenant's policies allows here; `null` while there may be none. A clock may have been set, hence the margin. */
  #limit(tenant: string, partition: number, atMs: number): number | null {
    const known = this.#policies.get(tenant)
    if (known === undefined || atMs < known.sinceMs + POLICY_MARGIN_MS) return null
    let limit = 0
    for (const policy of known.policies) {
      const share = shareOf(policy, tenant, partition, this.#partitions).maxConcurrency
      if (share === null) return null
      limit = Math.max(limit, share)
    }
    return limit
  }
}

const POLICY_MARGIN_MS = 1_000
