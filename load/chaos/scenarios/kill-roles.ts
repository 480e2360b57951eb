/** kill -9 of processes of every role, every few seconds; each is started again at once. */
import { setTimeout as pause } from 'node:timers/promises'
import { pick, type Scenario } from '../scenario.ts'

const KINDS = ['tasks', 'execute', 'gateway'] as const

export const killRoles: Scenario = {
  name: 'kill-roles',
  about: 'kill -9 of each role every few seconds',
  seconds: 15,
  expects: KINDS.map((kind) => `kill -9 ${kind}`),
  async run(stage, untilMs) {
    for (let round = 0; round < KINDS.length || performance.now() < untilMs; round++) {
      const kind = round < KINDS.length ? KINDS[round]! : pick(stage, KINDS)
      const victim = pick(stage, stage.fleet.of(kind))
      await stage.fleet.kill(victim)
      stage.struck.count(`kill -9 ${kind}`)
      stage.fleet.restart(victim)
      await pause(stage.random.between(2_000, 5_000))
    }
  },
}
