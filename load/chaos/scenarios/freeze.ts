/**
 * SIGSTOP in the middle of a transaction: the proxy holds a request of the transaction and the process is stopped. When another has taken its tasks over, the
 * request goes on and the process awakes. It must be fenced.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Member } from '../fleet.ts'
import { API, INVALID_PRODUCER_EPOCH, PRODUCER_FENCED } from '../proxy.ts'
import { pick, type Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'

const CAUGHT_WITHIN_MS = 60_000
const ANSWERED_WITHIN_MS = 30_000
const TAKEN_OVER_WITHIN_MS = 120_000
const FENCED: readonly number[] = [INVALID_PRODUCER_EPOCH, PRODUCER_FENCED]
const HELD = ['endTxn', 'produce', 'endTxn', 'txnOffsetCommit', 'addPartitions'] as const

export const freeze: Scenario = {
  name: 'freeze',
  about: 'SIGSTOP past the session timeout and SIGCONT, in a transaction',
  seconds: 20,
  expects: ['frozen in a transaction', 'fenced at EndTxn'],
  async run(stage, untilMs) {
    let round = 0
    do {
      const victim = pick(stage, stage.fleet.of('tasks'))
      await freezeOnce(stage, victim, HELD[round++ % HELD.length]!)
    } while (performance.now() < untilMs)
  },
}

async function freezeOnce(stage: Stage, victim: Member, held: keyof typeof API): Promise<void> {
  const { cluster, watch, struck, problems, fleet } = stage
  const gate = Promise.withResolvers<void>()
  const caught = Promise.withResolvers<boolean>()
  const { child } = victim.process
  let stopped = false
  cluster.proxy.setFault(({ clientId, apiKey }) => {
    if (stopped || clientId !== victim.name || apiKey !== API[held]) return null
    stopped = true
    child.kill('SIGSTOP')
    caught.resolve(true)
    return { kind: 'hold', until: gate.promise }
  })
  const late = setTimeout(() => caught.resolve(false), CAUGHT_WITHIN_MS)
  try {
    if (!(await caught.promise)) return void problems.push(`${victim.name} made no ${held} in ${CAUGHT_WITHIN_MS} ms`)
    struck.count('frozen in a transaction')
    struck.count(`frozen at ${held}`)
    await pause(200)
    if (!(await watch.movedSince(performance.now(), TAKEN_OVER_WITHIN_MS))) {
      problems.push(`${victim.name} was frozen, and a partition stood still for ${TAKEN_OVER_WITHIN_MS} ms`)
    }
    const answered = Promise.withResolvers<void>()
    cluster.proxy.onEndTxn(({ clientId }, code) => {
      if (clientId !== victim.name) return
      answered.resolve()
      if (FENCED.includes(code)) struck.count('fenced at EndTxn')
      else if (code === 0) problems.push(`${victim.name} ended a transaction after it was taken over`)
    })
    gate.resolve()
    // the broker sees it before the process is awake
    await Promise.race([answered.promise, pause(held === 'endTxn' ? ANSWERED_WITHIN_MS : 200)])
  } finally {
    clearTimeout(late)
    gate.resolve()
    cluster.proxy.setFault(null)
    cluster.proxy.onEndTxn(null)
    child.kill('SIGCONT')
  }
  await fleet.ready(victim)
}
