/** Every process is stopped orderly and started again, one after the other: a deployment of a new version. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Scenario } from '../scenario.ts'

export const rollingProcesses: Scenario = {
  name: 'rolling-processes',
  about: 'rolling restart of the processes',
  seconds: 20,
  expects: ['process restarted'],
  async run({ fleet, watch, struck, measured, problems, say }, untilMs) {
    do {
      const began = performance.now()
      for (const member of fleet.members) {
        const asked = performance.now()
        const wrong = await fleet.stop(member)
        if (member.name.startsWith('tasks')) measured.handoversMs.push(performance.now() - asked)
        if (wrong !== null) problems.push(wrong)
        fleet.restart(member)
        await fleet.ready(member)
        struck.count('process restarted')
      }
      await pause(300)
      const ms = watch.longestStillness(began, performance.now())
      measured.rollingGapsMs.push(ms)
      say(`longest gap in a rolling restart of the processes: ${Math.round(ms)} ms`)
    } while (performance.now() < untilMs)
  },
}
