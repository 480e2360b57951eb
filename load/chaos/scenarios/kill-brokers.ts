/** kill -9 of the broker that leads a partition, coordinates a task's transactions, or controls the cluster. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'

const WHOLE_WITHIN_MS = 90_000

const PARTS: readonly (readonly [what: string, find: (stage: Stage) => Promise<number>])[] = [
  [
    'transaction coordinator',
    (stage) => stage.cluster.transactionCoordinatorOf(stage.names.transactionalId(aTask(stage))),
  ],
  ['leader', (stage) => stage.cluster.leaderOf(stage.names.topic('result'), aTask(stage))],
  ['controller', (stage) => stage.cluster.controller()],
]

export const killBrokers: Scenario = {
  name: 'kill-brokers',
  about: 'kill -9 of a leader, a transaction coordinator, the controller',
  seconds: 30,
  expects: PARTS.map(([what]) => `kill -9 ${what}`),
  async run(stage, untilMs) {
    const { cluster, struck, say } = stage
    for (let round = 0; round < PARTS.length || performance.now() < untilMs; round++) {
      const [what, find] = PARTS[round % PARTS.length]!
      const node = await find(stage)
      if (node < 1) throw new Error(`the ${what} was not found`)
      await cluster.kill(node)
      struck.count(`kill -9 ${what}`)
      say(`broker ${node} killed, the ${what}`)
      await pause(stage.random.between(2_000, 5_000))
      await cluster.start(node)
      await cluster.wholeAgain(stage.prefix, WHOLE_WITHIN_MS)
    }
  },
}

function aTask({ random, partitions }: Stage): number {
  return random.between(0, partitions - 1)
}
