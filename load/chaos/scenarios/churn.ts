/** Processes join and leave, every 3 seconds one or the other. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Member } from '../fleet.ts'
import { pick, type Scenario } from '../scenario.ts'

const EVERY_MS = 3_000
const MOST = 2

export const churn: Scenario = {
  name: 'churn',
  about: 'processes join and leave every 3 s',
  seconds: 20,
  expects: ['process joined', 'process left'],
  async run(stage, untilMs) {
    const { fleet, struck, problems } = stage
    const guests: Member[] = []
    const leaving: Promise<unknown>[] = []
    const leave = (guest: Member): void => {
      const left = fleet.leave(guest).then((wrong) => {
        if (wrong !== null) problems.push(wrong)
        struck.count('process left')
      })
      leaving.push(left)
    }
    for (let round = 0; round < 4 || performance.now() < untilMs; round++) {
      const began = performance.now()
      const goes = guests.length >= MOST || (guests.length > 0 && stage.random.share() < 0.5)
      if (goes) {
        const guest = pick(stage, guests)
        guests.splice(guests.indexOf(guest), 1)
        leave(guest)
      } else {
        guests.push(await fleet.join(`guest-${stage.struck.of('process joined')}`, 'tasks,execute:io'))
        struck.count('process joined')
      }
      await pause(Math.max(0, EVERY_MS - (performance.now() - began)))
    }
    for (const guest of guests) leave(guest)
    await Promise.all(leaving)
  },
}
