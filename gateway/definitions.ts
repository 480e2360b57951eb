/**
 * Flows and tenants as this gateway knows them: read from partition 0 of `control`, which holds a copy of every definition.
 * What this gateway publishes is added at once.
 */

import { decodeRecord } from '../schemas/codec/wire.ts'
import { compileStored } from '../schemas/flow/compile.ts'
import type { CompiledFlow } from '../schemas/flow/model.ts'
import type { TenantId } from '../schemas/ids.ts'
import type { FlowPublished, TenantChanged } from '../schemas/records/control.ts'
import type { Log, LogReader, LogRecord } from '../topology/log/port.ts'
import type { Logger } from './ports.ts'

export interface FlowVersion {
  readonly record: FlowPublished
  /** Compiled when first asked for. */
  readonly compiled: CompiledFlow
}

const BATCH = 500

/** Follows `control` from its creation until `close`. */
export class Definitions {
  readonly #log: Log
  readonly #logger: Logger
  readonly #reader: LogReader
  /** By tenant and flow; versions ascending. */
  readonly #flows = new Map<string, Map<number, KnownFlow>>()
  readonly #latest = new Map<string, number>()
  readonly #tenants = new Map<TenantId, TenantChanged>()
  #waiting: { readonly offset: number; readonly resolve: () => void }[] = []
  #closed = false

  constructor(log: Log, logger: Logger) {
    this.#log = log
    this.#logger = logger
    this.#reader = log.read('control', 0, 'first')
    void this.#follow()
  }

  /** `version` `null`: the latest. */
  flow(tenant: TenantId, flow: string, version: number | null): FlowVersion | undefined {
    const versions = this.#flows.get(flowKey(tenant, flow))
    return versions?.get(version ?? this.#latest.get(flowKey(tenant, flow))!)
  }

  /** Versions of a flow, ascending. */
  versions(tenant: TenantId, flow: string): readonly FlowPublished[] {
    const versions = this.#flows.get(flowKey(tenant, flow))
    return [...(versions?.values() ?? [])].map((known) => known.record).sort((a, b) => a.version - b.version)
  }

  /** The latest version of each flow of the tenant, by name. */
  flows(tenant: TenantId): readonly FlowPublished[] {
    const found: FlowPublished[] = []
    for (const [key, versions] of this.#flows) {
      const { record } = versions.get(this.#latest.get(key)!)!
      if (record.tenant === tenant) found.push(record)
    }
    return found.sort((a, b) => (a.flow < b.flow ? -1 : 1))
  }

  tenant(tenant: TenantId): TenantChanged | undefined {
    return this.#tenants.get(tenant)
  }

  /** Resolves once everything that was in `control` when it was called is known here. */
  async current(): Promise<void> {
    const partitions = await this.#log.describe()
    const end = partitions.find((info) => info.topic === 'control' && info.partition === 0)?.nextOffset ?? 0
    if (this.#closed || this.#reader.position >= end) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push({ offset: end, resolve })
    await promise
  }

  add(record: FlowPublished | TenantChanged): void {
    if (record.kind === 'FlowPublished') this.#addFlow(record)
    else if ((this.#tenants.get(record.tenant)?.revision ?? 0) < record.revision)
      this.#tenants.set(record.tenant, record)
  }

  close(): void {
    this.#closed = true
    this.#reader.close()
    for (const { resolve } of this.#waiting) resolve()
    this.#waiting = []
  }

  #addFlow(record: FlowPublished): void {
    const key = flowKey(record.tenant, record.flow)
    const versions = this.#flows.get(key) ?? new Map<number, KnownFlow>()
    this.#flows.set(key, versions)
    if (versions.has(record.version)) return
    versions.set(record.version, new KnownFlow(record))
    this.#latest.set(key, Math.max(this.#latest.get(key) ?? 0, record.version))
  }

  async #follow(): Promise<void> {
    try {
      while (!this.#closed) {
        for (const record of await this.#reader.next(BATCH)) this.#read(record)
        this.#wake()
      }
    } catch (error) {
      if (!this.#closed) this.#logger.error({ component: 'gateway', error }, 'control can no longer be read')
    }
  }

  #read(record: LogRecord): void {
    try {
      const message = record.message ?? decodeRecord(record.value)
      if (message.kind === 'FlowPublished' || message.kind === 'TenantChanged') this.add(message)
    } catch (error) {
      this.#logger.warn({ component: 'gateway', offset: record.offset, error }, 'a record of control cannot be read')
    }
  }

  #wake(): void {
    const { position } = this.#reader
    if (this.#waiting.length === 0) return
    for (const waiting of this.#waiting) if (waiting.offset <= position) waiting.resolve()
    this.#waiting = this.#waiting.filter((waiting) => waiting.offset > position)
  }
}

class KnownFlow implements FlowVersion {
  readonly record: FlowPublished
  #compiled: CompiledFlow | null = null

  constructor(record: FlowPublished) {
    this.record = record
  }

  get compiled(): CompiledFlow {
    this.#compiled ??= compileStored(this.record.flow, this.record.document)
    return this.#compiled
  }
}

function flowKey(tenant: TenantId, flow: string): string {
  return `${tenant}/${flow}`
}
