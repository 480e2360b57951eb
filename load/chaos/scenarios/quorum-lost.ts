/** Two of three brokers are gone: nothing can be accepted, and clients are told so; when they are back, everything goes on by itself. */
import { setTimeout as pause } from 'node:timers/promises'
import { NODES } from '../cluster.ts'
import { pick, type Scenario } from '../scenario.ts'

const WHOLE_WITHIN_MS = 120_000
const TOLD_WITHIN_MS = 25_000

export const quorumLost: Scenario = {
  name: 'quorum-lost',
  about: 'two of three brokers down, and back',
  seconds: 30,
  expects: ['two brokers down', 'refused with 503 meanwhile'],
  async run(stage, untilMs) {
    const { cluster, http, struck, say } = stage
    do {
      const left = pick(stage, NODES)
      const gone = NODES.filter((node) => node !== left)
      await Promise.all(gone.map((node) => cluster.kill(node)))
      struck.count('two brokers down')
      const refused = http.refusedForNow
      const until = performance.now() + TOLD_WITHIN_MS
      while (http.refusedForNow < refused + 5 && performance.now() < until) await pause(50)
      // nothing can be accepted any more: what was under way has been answered
      const accepted = http.accepted
      await pause(stage.random.between(2_000, 5_000))
      struck.count('refused with 503 meanwhile', http.refusedForNow - refused)
      say(`two brokers down: ${http.refusedForNow - refused} refused, ${http.accepted - accepted} accepted`)
      for (const node of gone) await cluster.start(node)
      await cluster.wholeAgain(stage.prefix, WHOLE_WITHIN_MS)
    } while (performance.now() < untilMs)
  },
}
