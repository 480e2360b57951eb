/** kill -9 of the broker that leads a partition, coordinates a task's transactions, or controls the cluster. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'

const WHOLE_WITHIN_MS = 90_000

type Part = readonly [what: string, find: (stage: Stage) => Promise<number>]

const LEADER: Part = ['leader', (stage) => stage.cluster.leaderOf(stage.names.topic('result'), aTask(stage))]
const COORDINATOR: Part = [
  'transaction coordinator',
  (stage) => stage.cluster.transactionCoordinatorOf(stage.names.transactionalId(aTask(stage))),
]
const CONTROLLER: Part = ['controller', (stage) => stage.cluster.controller()]
const PARTS: readonly Part[] = [COORDINATOR, LEADER, CONTROLLER]

export const killBrokers: Scenario = {
  name: 'kill-brokers',
  about: 'kill -9 of a leader, a transaction coordinator, the controller',
  seconds: 30,
  expects: PARTS.map(([what]) => `kill -9 ${what}`),
  async run(stage, untilMs) {
    for (let round = 0; round < PARTS.length || performance.now() < untilMs; round++) {
      await kill(stage, PARTS[round % PARTS.length]!)
    }
  },
}

/** The short form. */
export const killLeader: Scenario = {
  name: 'kill-leader',
  about: 'kill -9 of a leader',
  seconds: 5,
  expects: [`kill -9 ${LEADER[0]}`],
  async run(stage, untilMs) {
    do await kill(stage, LEADER)
    while (performance.now() < untilMs)
  },
}

async function kill(stage: Stage, [what, find]: Part): Promise<void> {
  const { cluster, struck, say } = stage
  const node = await find(stage)
  if (node < 1) throw new Error(`the ${what} was not found`)
  await cluster.kill(node)
  struck.count(`kill -9 ${what}`)
  say(`broker ${node} killed, the ${what}`)
  await pause(stage.random.between(2_000, 5_000))
  await cluster.start(node)
  await cluster.wholeAgain(stage.prefix, WHOLE_WITHIN_MS)
}

function aTask({ random, partitions }: Stage): number {
  return random.between(0, partitions - 1)
}
