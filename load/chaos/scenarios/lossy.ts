/** The network between processes and brokers loses, delays and cuts off requests and answers: those of transactions most of all, EndTxn above all. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../../process/random.ts'
import { API, type Fault } from '../proxy.ts'
import type { Scenario } from '../scenario.ts'

const NAMES = new Map<number, string>(Object.entries(API).map(([name, key]) => [key, name]))
/** So many in a thousand requests. */
const OF_THOUSAND: Readonly<Record<string, number>> = { endTxn: 40, initProducerId: 40, produce: 8 }
const ELSE = 12
const KINDS = ['lose', 'late', 'refuse', 'delay'] as const

export const lossy: Scenario = {
  name: 'lossy',
  about: 'answers of transactional calls are lost, late, delayed',
  seconds: 20,
  expects: ['lose endTxn', 'late endTxn', 'delay endTxn', 'refuse endTxn', 'faults on produce'],
  async run({ cluster, struck, random }, untilMs) {
    const needed = KINDS.map((kind) => `${kind} endTxn`)
    cluster.proxy.setFault(({ apiKey }) => {
      const name = NAMES.get(apiKey)
      if (name === undefined || random.share() * 1000 >= (OF_THOUSAND[name] ?? ELSE)) return null
      // each kind at EndTxn at least once
      const missing = apiKey === API.endTxn ? KINDS.find((_, at) => struck.of(needed[at]!) === 0) : undefined
      const fault = aFault(missing ?? drawn(random), random)
      struck.count(`${fault.kind} ${name}`)
      if (name === 'produce') struck.count('faults on produce')
      return fault
    })
    const latest = performance.now() + 180_000
    while (
      performance.now() < untilMs ||
      (needed.some((what) => struck.of(what) === 0) && performance.now() < latest)
    ) {
      await pause(100)
    }
    cluster.proxy.setFault(null)
  },
}

type Kind = (typeof KINDS)[number]

function drawn(random: Random): Kind {
  const draw = random.share()
  if (draw < 0.4) return 'lose'
  if (draw < 0.6) return 'late'
  return draw < 0.75 ? 'refuse' : 'delay'
}

function aFault(kind: Kind, random: Random): Fault {
  if (kind === 'lose' || kind === 'refuse') return { kind }
  if (kind === 'late') return { kind, ms: random.between(0, 1_500) }
  // now and then longer than anybody waits
  return { kind, ms: random.share() < 0.88 ? random.between(20, 1_000) : random.between(5_000, 12_000) }
}
