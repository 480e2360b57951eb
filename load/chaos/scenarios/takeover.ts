/** kill -9 of a process with tasks, which is not started again before another has taken its tasks over: how long that takes. */
import { setTimeout as pause } from 'node:timers/promises'
import { pick, type Scenario } from '../scenario.ts'

const WITHIN_MS = 30_000

export const takeover: Scenario = {
  name: 'takeover',
  about: 'kill -9 of a process with tasks; another takes over',
  seconds: 15,
  expects: ['takeover'],
  async run(stage, untilMs) {
    const { fleet, watch, struck, measured, problems, say } = stage
    do {
      const victim = pick(stage, fleet.of('tasks'))
      const at = performance.now()
      await fleet.kill(victim)
      // what was under way is still seen for a moment
      await pause(500)
      if (await watch.movedSince(performance.now(), WITHIN_MS)) {
        const ms = watch.outageAfter(at)
        measured.takeoversMs.push(ms)
        struck.count('takeover')
        say(`takeover of ${victim.name} took ${Math.round(ms)} ms`)
      } else problems.push(`after kill -9 of ${victim.name} a partition stood still for ${WITHIN_MS} ms`)
      fleet.restart(victim)
      await fleet.ready(victim)
      await pause(stage.random.between(500, 2_000))
    } while (performance.now() < untilMs)
  },
}
