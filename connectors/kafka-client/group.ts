/**
 * A member of a group, on Kafka's classic protocol: join, sync, heartbeats. Members keep what does not move and work on while the group rebalances, as
 * with Kafka's cooperative assignors. What a member lets go of it names until it is done; the leader gives it to another only then, if the group wants that.
 */
import type { Cancel, Environment } from '../../topology/environment.ts'
import type { Broker, Connections } from './connection.ts'
import type { GroupMember, GroupOffset, GroupOptions } from './contract.ts'
import { divide } from './group-assigner.ts'
import { GroupCommits } from './group-commits.ts'
import { Holdings, partitionKey } from './group-holdings.ts'
import {
  ASSIGNER,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './group-protocol.ts'
import { ProtocolError } from './protocol-error.ts'
import {
  heartbeat,
  type Joined,
  joinGroup as joinRequest,
  leaveGroup,
  MEMBER_ID_REQUIRED,
  type MemberOf,
  syncGroup,
} from './requests/group.ts'
import { asClientError, isPassing, mayHaveMoved, wait } from './retry.ts'

const FIRST_JOIN_WITHIN_MS = 30_000
const FIRST_BACKOFF_MS = 20
const MAX_BACKOFF_MS = 500
const LEAVE_WITHIN_MS = 5_000
const CHANGED_WITHIN_MS = 20
/** Beyond the time that the group may take to gather its members. */
const ANSWER_WITHIN_MS = 5_000

/**
 * Joins; resolves once the first assignment has been told, which may be of nothing while others still hold what will be this member's. `open` is called twice, for connections that end with the membership.
 * @throws {KafkaClientError} if the group cannot be joined within half a minute, or never
 */
export async function joinGroup(
  open: () => Connections,
  environment: Environment,
  options: GroupOptions,
): Promise<GroupMember> {
  const member = new Member(open, environment, options)
  await member.joined
  return member
}

class Member implements GroupMember {
  readonly joined: Promise<void>
  readonly #options: GroupOptions
  readonly #environment: Environment
  /** A join may keep this one waiting for long; all else goes through the other. */
  readonly #joining: Connections
  readonly #connections: Connections
  readonly #holdings: Holdings
  readonly #commits: GroupCommits
  readonly #partitions: ReadonlyMap<string, GroupOptions['partitions'][number]>
  #memberId = ''
  #generation = -1
  /** Joined and synchronised in `#generation`. */
  #stable = false
  #joinWanted = true
  #leaving = false
  #left: Promise<void> | null = null
  #ended = false
  #heardAtMs: number
  #failures = 0
  #wake: (() => void) | null = null
  readonly #onChange = new Set<() => void>()

  constructor(open: () => Connections, environment: Environment, options: GroupOptions) {
    this.#options = options
    this.#environment = environment
    this.#joining = open()
    this.#connections = open()
    this.#partitions = new Map(options.partitions.map((each) => [partitionKey(each), each]))
    this.#heardAtMs = environment.monotonic()
    this.#holdings = new Holdings(options, environment, () => this.#released())
    const group = { groupId: options.groupId, deadlineMs: options.rebalanceTimeoutMs }
    this.#commits = new GroupCommits(group, this.#connections, environment, {
      current: () => (this.#stable ? this.#self() : null),
      holds: (key) => this.#holdings.holds(key),
      changed: () => this.#changed(),
      doubt: () => this.#wake?.(),
    })
    this.joined = this.#start()
  }

  commitOffsets(offsets: readonly GroupOffset[]): Promise<void> {
    return this.#commits.commit(offsets)
  }

  leave(): Promise<void> {
    this.#left ??= this.#leave()
    return this.#left
  }

  async #leave(): Promise<void> {
    this.#leaving = true
    await this.#holdings.leave()
    this.#end()
    if (this.#memberId !== '') await this.#sayGoodbye()
    this.#connections.close()
  }

  async #start(): Promise<void> {
    const began = this.#environment.monotonic()
    while (!this.#stable) {
      try {
        await this.#rebalance()
      } catch (error) {
        const late = this.#environment.monotonic() - began > FIRST_JOIN_WITHIN_MS
        if (late || !(await this.#recovers(error))) {
          this.#end()
          this.#connections.close()
          throw asClientError(error, `join group ${this.#options.groupId}`)
        }
      }
    }
    void this.#run()
  }

  async #run(): Promise<void> {
    while (!this.#ended) {
      try {
        if (this.#joinWanted) await this.#rebalance()
        else await this.#beat()
      } catch (error) {
        if (this.#connections.closed) return this.#abandon()
        // a refusal may be lifted, a missing permission for instance: the membership is not given up, its state is told by `health`
        if (!this.#ended && !(await this.#recovers(error))) await wait(this.#environment, MAX_BACKOFF_MS)
      }
    }
  }

  async #rebalance(): Promise<void> {
    this.#joinWanted = false
    try {
      const joined = await this.#join()
      this.#stable = false
      this.#memberId = joined.memberId
      this.#generation = joined.generation
      const coordinator = await this.#joining.coordinator('group', this.#options.groupId)
      const assignments = joined.leader === joined.memberId ? this.#divide(joined) : []
      const assignment = await coordinator.send(syncGroup(this.#self(), assignments))
      this.#stable = true
      this.#heard('JoinGroup')
      if (!this.#leaving) this.#holdings.assign(decodeAssignment(assignment))
    } catch (error) {
      this.#joinWanted = true
      throw error
    } finally {
      this.#tellChange()
    }
  }

  async #join(): Promise<Joined> {
    const { groupId, sessionTimeoutMs, rebalanceTimeoutMs, partitions } = this.#options
    const topics = [...new Set(partitions.map(({ topic }) => topic))].sort()
    const { working: owned, releasing } = this.#holdings
    const metadata = encodeSubscription({ topics, owned, releasing, generation: this.#generation })
    const common = { groupId, sessionTimeoutMs, rebalanceTimeoutMs, protocol: ASSIGNER, metadata }
    const coordinator = await this.#joining.coordinator('group', groupId)
    const ask = (memberId: string): Promise<Joined> =>
      coordinator.send(joinRequest({ ...common, memberId }), { timeoutMs: rebalanceTimeoutMs + ANSWER_WITHIN_MS })
    const stop = this.#watchOver(coordinator)
    try {
      const first = await ask(this.#memberId)
      if (first.errorCode !== MEMBER_ID_REQUIRED) return first
      this.#memberId = first.memberId
      return await ask(first.memberId)
    } finally {
      stop()
    }
  }

  /** A join may take long, rightly; heartbeats beside it show whether the coordinator is alive, else the join is broken off. */
  #watchOver(coordinator: Broker): () => void {
    let cancel: Cancel = () => {}
    const member = this.#self()
    if (member.generation < 0) return cancel
    const again = (): void => {
      cancel = this.#environment.after(this.#options.heartbeatMs, () => void beat())
    }
    const beat = async (): Promise<void> => {
      try {
        const broker = await this.#connections.coordinator('group', member.groupId)
        await broker.send(heartbeat(member), { timeoutMs: this.#answerWithinMs })
        this.#heardAtMs = this.#environment.monotonic()
      } catch (error) {
        if (nameOf(error) === 'REBALANCE_IN_PROGRESS') this.#heardAtMs = this.#environment.monotonic()
        else if (mayHaveMoved(error)) this.#connections.forget()
      }
      if (stopped) return
      if (this.#sessionIsOver()) coordinator.close('the group did not answer within its session timeout')
      else again()
    }
    let stopped = false
    again()
    return () => {
      stopped = true
      cancel()
    }
  }

  #divide(joined: Joined): readonly (readonly [memberId: string, assignment: Buffer])[] {
    const members = joined.members.map(({ memberId, metadata }) => {
      const { owned, releasing, generation } = decodeSubscription(metadata)
      return { memberId, generation, owned: owned.map(partitionKey), releasing: releasing.map(partitionKey) }
    })
    const { given } = divide([...this.#partitions.keys()], members, this.#options.waitForRelease)
    return [...given].map(([memberId, keys]) => [
      memberId,
      encodeAssignment(keys.map((key) => this.#partitions.get(key)!)),
    ])
  }

  /** Waits for the time of the next heartbeat and sends it, unless something else is to be done. */
  async #beat(): Promise<void> {
    await this.#pause(this.#options.heartbeatMs)
    if (this.#joinWanted || this.#ended) return
    const coordinator = await this.#connections.coordinator('group', this.#options.groupId)
    await coordinator.send(heartbeat(this.#self()), { timeoutMs: this.#answerWithinMs })
    this.#heard('Heartbeat')
  }

  /** Answers false if it is not for us to repair. */
  async #recovers(error: unknown): Promise<boolean> {
    const name = nameOf(error)
    if (name === 'REBALANCE_IN_PROGRESS') {
      this.#heard('Heartbeat')
      this.#joinWanted = true
      return true
    }
    if (name === 'UNKNOWN_MEMBER_ID' || name === 'ILLEGAL_GENERATION' || name === 'FENCED_INSTANCE_ID') {
      // with a new name the old one would have to time out first, so it is kept where it is known
      if (name !== 'ILLEGAL_GENERATION') this.#memberId = ''
      this.#loseAll()
      return true
    }
    const { health } = this.#connections
    health.failed('Group', `group ${this.#options.groupId}: ${(error as Error).message}`)
    if (mayHaveMoved(error)) {
      this.#joining.forget()
      this.#connections.forget()
    }
    if (this.#sessionIsOver()) this.#loseAll()
    if (!isPassing(error)) return false
    this.#failures++
    const longestMs = Math.min(FIRST_BACKOFF_MS * 2 ** Math.min(this.#failures - 1, 10), MAX_BACKOFF_MS)
    await wait(this.#environment, longestMs / 2 + ((this.#environment.randomU32() % 1024) / 2048) * longestMs)
    return true
  }

  #loseAll(): void {
    this.#stable = false
    this.#generation = -1
    this.#joinWanted = true
    this.#holdings.lose()
    this.#tellChange()
  }

  /** The client was closed beneath it. */
  #abandon(): void {
    this.#leaving = true
    if (!this.#ended) this.#end()
    this.#loseAll()
  }

  #released(): void {
    // without waiting it was given to its new owner already; a member that leaves says so in a moment
    if (!this.#options.waitForRelease || this.#leaving) return
    this.#joinWanted = true
    this.#wake?.()
  }

  #heard(kind: string): void {
    this.#heardAtMs = this.#environment.monotonic()
    this.#failures = 0
    this.#connections.health.succeeded('Group')
    this.#connections.health.succeeded(kind)
  }

  #sessionIsOver(): boolean {
    return this.#environment.monotonic() - this.#heardAtMs > this.#options.sessionTimeoutMs
  }

  /** So that a dead coordinator is asked for elsewhere well within the session. */
  get #answerWithinMs(): number {
    return Math.max(500, this.#options.sessionTimeoutMs / 3)
  }

  #self(): MemberOf {
    return { groupId: this.#options.groupId, memberId: this.#memberId, generation: this.#generation }
  }

  async #sayGoodbye(): Promise<void> {
    try {
      const coordinator = await this.#connections.coordinator('group', this.#options.groupId)
      await coordinator.send(leaveGroup(this.#self()), { timeoutMs: LEAVE_WITHIN_MS })
    } catch {
      // the session timeout does the same, later
    }
  }

  #end(): void {
    this.#ended = true
    this.#commits.close()
    this.#joining.close()
    this.#wake?.()
    this.#tellChange()
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel()
        this.#wake = null
        resolve()
      }
      const cancel = this.#environment.after(ms, done)
      this.#wake = done
    })
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel()
        this.#onChange.delete(done)
        resolve()
      }
      const cancel = this.#environment.after(CHANGED_WITHIN_MS, done)
      this.#onChange.add(done)
    })
  }

  #tellChange(): void {
    for (const done of [...this.#onChange]) done()
  }
}

function nameOf(error: unknown): string | null {
  return error instanceof ProtocolError ? error.errorName : null
}
