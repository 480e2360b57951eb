/** Clients: submissions of every kind, repeats, conflicts, cancels, dead-letter commands, and records that are none. Never crash; retry as real ones do. */
import { openMemoryLog } from '../../connectors/log-memory/memory-log.ts'
import { decodeRecord } from '../../schemas/codec/wire.ts'
import { homeOf, newRunId, placementFor, type RunId } from '../../schemas/ids.ts'
import { type JsonText, parseJson, toJsonText } from '../../schemas/json.ts'
import type { SubmitRun } from '../../schemas/records/ingest.ts'
import type { Reply } from '../../schemas/records/replies.ts'
import type { ReplyTo } from '../../schemas/records/shared.ts'
import type { Log, OutRecord } from '../../topology/log/port.ts'
import { randomFlow } from './flow-model.ts'
import type { Prng } from './prng.ts'
import type { RunInput } from './reference.ts'
import { flowRecords, out, type TenantModel, THROWING_FLOW, type World } from './world.ts'

const GATEWAY = 0
const REPLY_WAIT_MS = 4_000
const RETRY_MS = 100

interface Submission {
  readonly tenant: TenantModel
  readonly flow: string
  readonly input: RunInput
  readonly key: string | null
  readonly stickyKey: string | null
  readonly priority: number | null
  readonly metadata: JsonText | null
}

export interface Clients {
  /** Nothing is under way any more. */
  done(): boolean
  /** Runs whose cancellation was confirmed. */
  readonly cancelled: ReadonlySet<string>
}

export function startClients(world: World, isAccepted: (runId: string) => boolean): Clients {
  const clients = new SimulatedClients(world, isAccepted)
  clients.start()
  return clients
}

class SimulatedClients implements Clients {
  readonly cancelled = new Set<string>()
  readonly #world: World
  readonly #random: Prng
  readonly #log: Log
  readonly #isAccepted: (runId: string) => boolean
  readonly #environment: World['server']['environment']
  readonly #waiting = new Map<string, (reply: Reply) => void>()
  /** What each key was first used for, and the run it got. */
  readonly #keyed = new Map<string, Submission>()
  readonly #runs: { readonly runId: RunId; readonly tenant: TenantModel }[] = []
  readonly #replayIds: string[] = []
  #underWay = 0
  #correlation = 0

  constructor(world: World, isAccepted: (runId: string) => boolean) {
    this.#world = world
    this.#isAccepted = isAccepted
    this.#random = world.random.fork('client')
    const process = world.scheduler.process('client', world.random.fork('client-environment'))
    this.#environment = process.environment
    this.#log = openMemoryLog(world.storage, process.environment, world.faults.hooks)
  }

  done(): boolean {
    return this.#underWay === 0
  }

  start(): void {
    void this.#readReplies()
    const operations = 3 + this.#random.int(35)
    const overMs = this.#random.pick([50, 2_000, 15_000])
    for (let index = 0; index < operations; index++) {
      this.#underWay += 1
      this.#environment.after(this.#random.int(overMs), () => {
        const finish = () => {
          this.#underWay -= 1
        }
        this.#operate().then(finish, (error: Error) => {
          this.#world.problems.push(`a client failed: ${error.stack}`)
          finish()
        })
      })
    }
  }

  #operate(): Promise<void> {
    const kind = this.#random.int(100)
    if (kind < 55) return this.#submit(this.#newSubmission())
    if (kind < 65) return this.#repeat()
    if (kind < 75) return this.#cancel()
    if (kind < 82) return this.#poison()
    if (kind < 90) return this.#replay()
    if (kind < 93) return this.#discard()
    if (kind < 96) return this.#publish()
    return this.#submitJson()
  }

  #newSubmission(): Submission {
    const { flows, tenants } = this.#world
    const flow = this.#random.chance(0.04) ? 'unknown-flow' : this.#random.pick([...flows.values()]).name
    const key = this.#random.chance(0.4) ? `key-${this.#random.int(6)}` : null
    const submission = {
      tenant: this.#random.pick(tenants),
      flow,
      input: { n: this.#random.int(11), key: `k${this.#random.int(3)}` },
      key,
      stickyKey: this.#random.chance(0.2) ? `sticky-${this.#random.int(2)}` : null,
      priority: this.#random.chance(0.2) ? this.#random.int(10) : null,
      metadata: this.#random.chance(0.2) ? ('{"from":"simulation"}' as JsonText) : null,
    }
    if (submission.key === null) return submission
    const known = this.#keyed.get(`${submission.tenant.tenant}/${submission.key}`)
    if (known === undefined) return submission
    if (this.#random.chance(0.3)) {
      this.#world.faults.struck('conflicting_submission')
      return submission
    }
    this.#world.faults.struck('duplicate_submission')
    return known
  }

  async #submit(submission: Submission): Promise<void> {
    const record = this.#record(submission)
    if (submission.key !== null) return this.#submitKeyed(submission, record)
    await this.#append(() => [this.#placed(record)])
    this.#remember(record)
    this.#acknowledged(record.runId!, submission)
    if (!this.#random.chance(0.1)) return
    // a client that did not hear the answer sends the same record again
    this.#world.faults.struck('duplicate_submission')
    await this.#append(() => [this.#placed(record)])
  }

  /** Asks until ingest has decided, each time with a fresh run id, as a client that repeats its request does. */
  async #submitKeyed(submission: Submission, first: SubmitRun): Promise<void> {
    const key = `${submission.tenant.tenant}/${submission.key}`
    for (let record = first; ; record = this.#record(submission)) {
      const { replyTo, answer } = this.#expectReply()
      await this.#append(() => [this.#withKey({ ...record, replyTo })])
      const reply = await answer
      if (submission.flow === THROWING_FLOW) return
      if (reply === null) continue
      const body = parseJson(reply.body) as { run_id?: string }
      if (!reply.ok) {
        if (reply.code === 'idempotency_conflict') this.#conflict(key, submission)
        else if (reply.code !== 'unknown_flow')
          this.#world.problems.push(`a submission was refused: ${reply.code} ${reply.body}`)
        return
      }
      const known = this.#keyed.get(key)
      if (known !== undefined && !sameBody(known, submission)) {
        this.#world.problems.push(`key ${key} was accepted with another body`)
      }
      this.#keyed.set(key, known ?? submission)
      this.#runs.push({ runId: body.run_id as RunId, tenant: submission.tenant })
      if (!this.#isAccepted(body.run_id!))
        this.#world.problems.push(`an answer names run ${body.run_id}, which is not on the log`)
      this.#acknowledged(body.run_id!, submission)
      return
    }
  }

  #conflict(key: string, submission: Submission): void {
    const known = this.#keyed.get(key)
    if (known !== undefined && sameBody(known, submission)) {
      this.#world.problems.push(`key ${key} was refused as a conflict with the same body`)
    }
  }

  #acknowledged(runId: string, { tenant, key }: Submission): void {
    this.#world.client.push({
      op: 'submit',
      run_id: runId,
      accepted: true,
      at_ms: this.#environment.now(),
      tenant: tenant.tenant,
      ...(key === null ? {} : { idempotency_key: key }),
    })
  }

  async #repeat(): Promise<void> {
    const known = [...this.#keyed.values()]
    if (known.length === 0) return this.#submit(this.#newSubmission())
    const first = this.#random.pick(known)
    if (this.#random.chance(0.4)) {
      // the same key is the same key, whatever the sticky key: a conflict, and no second run elsewhere
      this.#world.faults.struck('other_sticky_key')
      return this.#submit({ ...first, stickyKey: `${first.stickyKey ?? 'sticky'}-other` })
    }
    this.#world.faults.struck('duplicate_submission')
    await this.#submit(first)
  }

  #record({ tenant, flow, input, key, stickyKey, priority, metadata }: Submission): SubmitRun {
    const spreadKey = key ?? stickyKey ?? this.#random.u32().toString(16)
    const spread = tenant.spread === null ? undefined : { partitions: tenant.spread }
    const placement = placementFor(tenant.tenant, spreadKey, this.#world.partitions, spread)
    return {
      kind: 'SubmitRun',
      runId: newRunId(placement, () => this.#random.u32()),
      tenant: tenant.tenant,
      flow,
      version: null,
      input: toJsonText(input),
      idempotencyKey: key,
      stickyKey,
      priority,
      metadata,
      traceparent: null,
      replyTo: null,
      submittedAtMs: this.#environment.now(),
      replay: null,
    }
  }

  #placed(record: SubmitRun): OutRecord {
    const home = homeOf(record.runId!, this.#world.partitions)
    const elsewhere = this.#world.faults.strike('misdirected_submission', 0.1)
    return out('ingest', elsewhere ? this.#random.int(this.#world.partitions) : home, record, record.runId)
  }

  /** As the gateway has it, or from a producer that leaves the run id, and with it the home, to ingest. */
  #withKey(record: SubmitRun): OutRecord {
    if (!this.#random.chance(0.25)) return this.#placed(record)
    this.#world.faults.struck('key_without_run_id')
    const { partitions } = this.#world
    return out('ingest', this.#random.int(partitions), { ...record, runId: null }, record.idempotencyKey)
  }

  #remember(record: SubmitRun): void {
    const tenant = this.#world.tenants.find((t) => t.tenant === record.tenant)!
    this.#runs.push({ runId: record.runId!, tenant })
  }

  async #submitJson(): Promise<void> {
    const { tenant, flow, input } = this.#newSubmission()
    const body = { tenant_id: tenant.tenant, flow: flow === THROWING_FLOW ? 'flow-0' : flow, input }
    const value = Buffer.from(JSON.stringify(body))
    const partition = this.#random.int(this.#world.partitions)
    await this.#append(() => [
      { topic: 'ingest', partition, key: null, value, headers: null, handled: false, message: null },
    ])
  }

  async #cancel(): Promise<void> {
    if (this.#runs.length === 0) return
    const { runId, tenant } = this.#random.pick(this.#runs)
    this.#world.faults.struck('cancel')
    const { replyTo, answer } = this.#expectReply()
    const home = homeOf(runId, this.#world.partitions)
    const fields = { runId, tenant: tenant.tenant, reason: 'simulated', requestedBy: null, force: false, replyTo }
    await this.#append(() => [out('result', home, { kind: 'CancelRun', ...fields }, runId)])
    const reply = await answer
    if (reply?.ok) this.cancelled.add(runId)
  }

  async #poison(): Promise<void> {
    this.#world.faults.struck('poison_record')
    const topic = this.#random.pick(['ingest', 'route', 'result', 'dlq', 'control', 'execute.io'] as const)
    const partition = this.#random.int(this.#world.partitions)
    const bytes = Buffer.from(Array.from({ length: this.#random.int(40) }, () => this.#random.int(256)))
    const wrongKind = out(topic, partition, {
      kind: 'Reply',
      correlation: 'x',
      ok: true,
      code: 'x',
      body: '{}' as JsonText,
    })
    const record = this.#random.chance(0.5) ? { ...wrongKind, value: bytes, message: null } : wrongKind
    await this.#append(() => [record])
  }

  async #replay(): Promise<void> {
    const again = this.#replayIds.length > 0 && this.#random.chance(0.4)
    const replayId = again ? this.#random.pick(this.#replayIds) : `replay-${this.#replayIds.length}`
    if (again) this.#world.faults.struck('replay_repeated')
    else this.#replayIds.push(replayId)
    this.#world.faults.struck('letter_replay')
    const record = {
      kind: 'ReplayDeadLetters',
      replayId,
      filter: {
        tenant: this.#random.pick(this.#world.tenants).tenant,
        fingerprint: null,
        flow: null,
        code: null,
        letterIds: [],
      },
      ratePerSecond: this.#random.pick([0, 0, 5]),
      limit: null,
      patch: this.#random.chance(0.6) ? ('{"n":9}' as JsonText) : null,
      requestedBy: 'simulation',
      reason: null,
      replyTo: null,
    } as const
    await this.#append(() => this.#everywhere((partition) => out('dlq', partition, record)))
  }

  async #discard(): Promise<void> {
    this.#world.faults.struck('letter_discard')
    const record = {
      kind: 'DiscardDeadLetters',
      filter: {
        tenant: this.#random.pick(this.#world.tenants).tenant,
        fingerprint: null,
        flow: null,
        code: null,
        letterIds: [],
      },
      reason: 'simulated',
      requestedBy: null,
      replyTo: null,
    } as const
    await this.#append(() => this.#everywhere((partition) => out('dlq', partition, record)))
  }

  /** A second version of a flow that runs are using. */
  async #publish(): Promise<void> {
    if (this.#world.flows.has('flow-0/2')) return
    const records = flowRecords(this.#world, randomFlow(this.#world.random.fork('second version'), 'flow-0'), 2)
    await this.#append(() =>
      records.flatMap((record) => this.#everywhere((partition) => out('control', partition, record))),
    )
  }

  #everywhere<T>(make: (partition: number) => T): T[] {
    return Array.from({ length: this.#world.partitions }, (_, partition) => make(partition))
  }

  /** Repeats until it is known to have worked, so the records may be there more than once. */
  async #append(make: () => readonly OutRecord[]): Promise<void> {
    const records = make()
    for (;;) {
      try {
        await this.#log.append(records)
        return
      } catch {
        await new Promise<void>((resolve) => this.#environment.after(RETRY_MS, resolve))
      }
    }
  }

  #expectReply(): { readonly replyTo: ReplyTo; readonly answer: Promise<Reply | null> } {
    const correlation = `c${this.#correlation++}`
    const answer = new Promise<Reply | null>((resolve) => {
      this.#waiting.set(correlation, resolve)
      this.#environment.after(REPLY_WAIT_MS, () => resolve(null))
    })
    return { replyTo: { partition: GATEWAY, correlation }, answer }
  }

  async #readReplies(): Promise<void> {
    const reader = this.#log.read('replies', GATEWAY, 'first')
    for (;;) {
      for (const record of await reader.next(100)) {
        const reply = (record.message ?? decodeRecord(record.value)) as Reply
        this.#waiting.get(reply.correlation)?.(reply)
      }
    }
  }
}

function sameBody(a: Submission, b: Submission): boolean {
  const body = ({ flow, input, stickyKey, priority, metadata }: Submission) =>
    JSON.stringify([flow, input.n, input.key, stickyKey, priority, metadata])
  return body(a) === body(b)
}
