/** Publishes definitions: a copy goes to every partition of `control`, and the answer is given when all are durable. */
import { createHash } from 'node:crypto'
import { checkFlow } from '../schemas/flow/compile.ts'
import type { FlowProblem } from '../schemas/flow/model.ts'
import type { TenantId } from '../schemas/ids.ts'
import type { FlowPublished, TenantChanged } from '../schemas/records/control.ts'
import type { Environment } from '../topology/environment.ts'
import type { Log, OutRecord } from '../topology/log/port.ts'
import type { Definitions } from './definitions.ts'
import { RequestError } from './errors.ts'
import { outRecord } from './out-record.ts'
import { Serial } from './serial.ts'
import { changeTenant, type TenantPatch } from './tenant-change.ts'

export interface Published {
  readonly record: FlowPublished
  /** False when the latest version is this very document. */
  readonly created: boolean
}

/** One at a time, since a version number follows from those before it. */
export class Publisher {
  readonly #log: Log
  readonly #environment: Environment
  readonly #definitions: Definitions
  readonly #serial = new Serial()

  constructor(log: Log, environment: Environment, definitions: Definitions) {
    this.#log = log
    this.#environment = environment
    this.#definitions = definitions
  }

  /** @throws {RequestError} `invalid_flow` with all problems */
  async publishFlow(tenant: TenantId, source: Uint8Array, publishedBy: string | null): Promise<Published> {
    const checked = checkFlow(source)
    if (!checked.ok) {
      const { problems } = checked
      const first = problems[0]!
      const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
      throw new RequestError('invalid_flow', `the flow cannot be published: ${withPlace(first)}${more}`, {
        details: { problems },
      })
    }
    const { name, document } = checked
    const hash = createHash('sha256').update(document).digest('hex')
    return this.#serial.run(async () => {
      await this.#definitions.current()
      const latest = this.#definitions.flow(tenant, name, null)?.record
      if (latest?.hash === hash) return { record: latest, created: false }
      const record: FlowPublished = {
        kind: 'FlowPublished',
        tenant,
        flow: name,
        version: (latest?.version ?? 0) + 1,
        document,
        hash,
        publishedAtMs: this.#environment.now(),
        publishedBy,
      }
      await this.#broadcast(`${tenant}/${name}/${record.version}`, record)
      return { record, created: true }
    })
  }

  /** @throws {RequestError} when the limits cannot be divided, or the spread would change */
  changeTenant(tenant: TenantId, patch: TenantPatch): Promise<TenantChanged> {
    return this.#serial.run(async () => {
      await this.#definitions.current()
      const record = changeTenant(tenant, this.#definitions.tenant(tenant), patch, this.#log.partitions)
      await this.#broadcast(tenant, record)
      return record
    })
  }

  /** Partition 0 last: whoever finds a definition there, as gateways do, may rely on all others having it. */
  async #broadcast(key: string, record: FlowPublished | TenantChanged): Promise<void> {
    const copies: OutRecord[] = []
    for (let partition = this.#log.partitions - 1; partition >= 0; partition--) {
      copies.push(outRecord('control', partition, key, record))
    }
    await this.#log.append(copies)
    this.#definitions.add(record)
  }
}

function withPlace({ path, line, column, message }: FlowProblem): string {
  const position = line === undefined ? '' : `line ${line}, column ${column ?? 1}: `
  return `${position}${path === '' ? '' : `\`${path}\`: `}${message}`
}
