/**
 * Flows and tenants as this gateway knows them: read from partition 0 of `control`, which holds a copy of every definition.
 * What this gateway publishes is added at once.
 */
import { decodeRecord } from '../schemas/codec/wire.ts'
import { compileStored } from '../schemas/flow/compile.ts'
import type { CompiledFlow } from '../schemas/flow/model.ts'
import type { TenantId } from '../schemas/ids.ts'
import type { FlowDeprecated, FlowPublished, TenantChanged } from '../schemas/records/control.ts'
import type { Environment } from '../topology/environment.ts'
import type { Log, LogRecord } from '../topology/log/port.ts'
import { RequestError } from './errors.ts'
import { type Follower, follow } from './follow.ts'
import type { Logger } from './ports.ts'

export interface FlowVersion {
  readonly record: FlowPublished
  /** Compiled when first asked for. */
  readonly compiled: CompiledFlow
}

/** How long to wait for what is in the log and not read yet. */
const LATE_MS = 10_000
const RECHECK_MS = 20

/** Follows `control` from its creation until `close`. */
export class Definitions {
  readonly #log: Log
  readonly #logger: Logger
  readonly #follower: Follower
  readonly #environment: Environment
  /** By tenant and name. */
  readonly #flows = new Map<TenantId, Map<string, KnownVersions>>()
  /** By tenant, flow and version. */
  readonly #deprecated = new Map<string, FlowDeprecated>()
  readonly #tenants = new Map<TenantId, TenantChanged>()
  readonly #waiting = new Set<() => void>()
  #closed = false

  constructor(log: Log, environment: Environment, logger: Logger) {
    this.#log = log
    this.#environment = environment
    this.#logger = logger
    this.#follower = follow({
      log,
      environment,
      logger,
      topic: 'control',
      partition: 0,
      from: async () => 'first',
      onOpen: () => {},
      onRecords: (records) => {
        for (const record of records) this.#read(record)
        this.#wake()
      },
    })
  }

  /** `version` `null`: the latest that is not deprecated. */
  flow(tenant: TenantId, flow: string, version: number | null): FlowVersion | undefined {
    const known = this.#flows.get(tenant)?.get(flow)
    return known?.versions.get(version ?? known.current)
  }

  /** Versions of a flow, ascending. */
  versions(tenant: TenantId, flow: string): readonly FlowPublished[] {
    const versions = this.#flows.get(tenant)?.get(flow)?.versions
    return [...(versions?.values() ?? [])].map((known) => known.record).sort((a, b) => a.version - b.version)
  }

  /** The latest version of each flow of the tenant, by name. */
  flows(tenant: TenantId): readonly FlowPublished[] {
    const found: FlowPublished[] = []
    for (const { versions } of this.#flows.get(tenant)?.values() ?? []) {
      found.push(versions.get(Math.max(...versions.keys()))!.record)
    }
    return found.sort((a, b) => (a.flow < b.flow ? -1 : 1))
  }

  /** The change that deprecated a version, if it is. */
  deprecation(version: Version): FlowDeprecated | null {
    return this.#deprecated.get(versionKey(version)) ?? null
  }

  tenant(tenant: TenantId): TenantChanged | undefined {
    return this.#tenants.get(tenant)
  }

  /** Those of whom something was set. */
  tenants(): readonly TenantChanged[] {
    return [...this.#tenants.values()]
  }

  /**
   * Resolves once everything that was in `control` when it was called is known here.
   * @throws {RequestError} `unavailable` if it cannot be read in time
   */
  async current(): Promise<void> {
    const partitions = await this.#log.describe()
    const end = partitions.find((info) => info.topic === 'control' && info.partition === 0)?.nextOffset ?? 0
    await this.#until(() => this.#follower.position >= end, 'the definitions')
    // what the reader has just given out is taken in first
    await new Promise<void>((resolve) => this.#environment.soon(resolve))
  }

  /** A version that is known to exist. @throws {RequestError} `unavailable` if it cannot be read in time */
  async awaitFlow(tenant: TenantId, flow: string, version: number): Promise<FlowVersion> {
    await this.#until(() => this.flow(tenant, flow, version) !== undefined, `version ${version} of flow '${flow}'`)
    return this.flow(tenant, flow, version)!
  }

  /** Looks again with every record, and now and then: a reader may move past what is no record without giving anything out. */
  async #until(holds: () => boolean, what: string): Promise<void> {
    const deadline = this.#environment.monotonic() + LATE_MS
    while (!holds()) {
      if (this.#closed || this.#environment.monotonic() >= deadline) {
        throw new RequestError('unavailable', `${what} could not be read from the log in time`, { retryAfterS: 1 })
      }
      const woken = Promise.withResolvers<void>()
      this.#waiting.add(woken.resolve)
      const cancel = this.#environment.after(RECHECK_MS, woken.resolve)
      await woken.promise
      cancel()
      this.#waiting.delete(woken.resolve)
    }
  }

  add(record: FlowPublished | FlowDeprecated | TenantChanged): void {
    if (record.kind === 'FlowPublished') this.#addFlow(record)
    else if (record.kind === 'FlowDeprecated') this.#deprecate(record)
    else if ((this.#tenants.get(record.tenant)?.revision ?? 0) < record.revision)
      this.#tenants.set(record.tenant, record)
  }

  close(): void {
    this.#closed = true
    this.#follower.close()
    this.#wake()
  }

  #addFlow(record: FlowPublished): void {
    const known = this.#versions(record)
    if (known.versions.has(record.version)) return
    known.versions.set(record.version, new KnownFlow(record))
    if (this.deprecation(record) === null) known.current = Math.max(known.current, record.version)
  }

  #deprecate(record: FlowDeprecated): void {
    const at = versionKey(record)
    const before = this.#deprecated.get(at)
    if (before !== undefined && before.changedAtMs > record.changedAtMs) return
    if (record.deprecated) this.#deprecated.set(at, record)
    else this.#deprecated.delete(at)
    const { tenant, flow } = record
    const known = this.#versions(record)
    const usable = [...known.versions.keys()].filter(
      (version) => !this.#deprecated.has(versionKey({ tenant, flow, version })),
    )
    known.current = Math.max(0, ...usable)
  }

  #versions({ tenant, flow }: Pick<FlowPublished, 'tenant' | 'flow'>): KnownVersions {
    const flows = this.#flows.get(tenant) ?? new Map<string, KnownVersions>()
    this.#flows.set(tenant, flows)
    const known = flows.get(flow) ?? { versions: new Map<number, KnownFlow>(), current: 0 }
    flows.set(flow, known)
    return known
  }

  #read(record: LogRecord): void {
    try {
      const message = record.message ?? decodeRecord(record.value)
      if (message.kind === 'FlowPublished' || message.kind === 'FlowDeprecated' || message.kind === 'TenantChanged') {
        this.add(message)
      }
    } catch (error) {
      this.#logger.warn({ component: 'gateway', offset: record.offset, error }, 'a record of control cannot be read')
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
  }
}

interface KnownVersions {
  /** Ascending. */
  readonly versions: Map<number, KnownFlow>
  /** The one that runs get which name none; 0: all are deprecated. */
  current: number
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

type Version = Pick<FlowPublished, 'tenant' | 'flow' | 'version'>

function versionKey({ tenant, flow, version }: Version): string {
  return `${tenant}/${flow}/${version}`
}
