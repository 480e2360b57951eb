/** Random flows, in the simulation's own form; the documents given to the product are made from it, and so is what they must lead to. */
import { SIMULATED_KERNEL } from './device.ts'
import type { Prng } from './prng.ts'

/** Trouble strikes only inputs whose `n` is below this, so that a replay with a patched input can succeed. */
export const TROUBLE_BELOW = 8

export interface Behaviour {
  /** How long the block takes, virtual milliseconds. */
  readonly ms: number
  /** The first so many attempts fail. */
  readonly failFirst: number
  readonly errorClass: 'transient' | 'permanent' | 'terminal'
  /** Every attempt runs into its timeout. */
  readonly hang: boolean
}

export interface ModelStep {
  readonly id: string
  readonly kind: 'block' | 'wait'
  /** Of a wait. */
  readonly waitMs: number
  readonly block: 'echo' | 'jmespath' | 'kernel'
  readonly behaviour: Behaviour
  /** The step whose output the input refers to; `null`: the run's input. */
  readonly reads: string | null
  readonly after: readonly string[]
  /** Conditions on edges, by the step they come from: they hold if the input's `n` is greater. */
  readonly conditions: Readonly<Record<string, number>>
  readonly join: 'all' | 'any' | number
  /** Runs only if the input's `n` is greater. */
  readonly when: number | null
  readonly attempts: number
  readonly timeoutMs: number
  readonly optional: boolean
}

export interface ModelFlow {
  readonly name: string
  readonly steps: readonly ModelStep[]
  readonly onFailure: 'fail' | 'continue'
  readonly deadlineMs: number | null
  readonly sticky: boolean
}

const NO_TROUBLE: Behaviour = { ms: 0, failFirst: 0, errorClass: 'transient', hang: false }

export function randomFlow(random: Prng, name: string): ModelFlow {
  const count = 1 + random.int(6)
  const steps: ModelStep[] = []
  for (let index = 0; index < count; index++) steps.push(randomStep(random, index, steps))
  return {
    name,
    steps,
    onFailure: random.chance(0.5) ? 'fail' : 'continue',
    deadlineMs: random.chance(0.2) ? random.pick([400, 3_000, 60_000]) : null,
    sticky: random.chance(0.2),
  }
}

function randomStep(random: Prng, index: number, before: readonly ModelStep[]): ModelStep {
  const after = before.map((step) => step.id).filter(() => random.chance(before.length < 3 ? 0.6 : 0.35))
  const join =
    after.length > 1 && random.chance(0.35) ? (random.chance(0.5) ? 'any' : 1 + random.int(after.length)) : 'all'
  const kind = random.chance(0.1) ? 'wait' : 'block'
  const conditions: Record<string, number> = {}
  for (const id of after) if (random.chance(0.1)) conditions[id] = random.int(10)
  const hang = random.chance(0.03)
  return {
    id: `s${index}`,
    kind,
    waitMs: random.pick([20, 300, 2_000]),
    block: random.pick(['echo', 'echo', 'jmespath', 'kernel']),
    behaviour: random.chance(0.4) ? NO_TROUBLE : randomBehaviour(random, hang),
    // a step that may begin before its dependencies have all ended must not see which of them had
    reads: join === 'all' && after.length > 0 && random.chance(0.6) ? random.pick(after) : null,
    after,
    conditions,
    join,
    when: random.chance(0.15) ? random.int(10) : null,
    attempts: random.pick([1, 2, 3, 5]),
    timeoutMs: hang ? 200 : random.pick([2_000, 20_000]),
    optional: random.chance(0.15),
  }
}

function randomBehaviour(random: Prng, hang: boolean): Behaviour {
  return {
    ms: random.pick([0, 1, 10, 80, 400]),
    failFirst: random.chance(0.35) ? 1 + random.int(4) : 0,
    errorClass: random.pick(['transient', 'transient', 'transient', 'permanent', 'terminal']),
    hang,
  }
}

/** The document somebody would write for it. */
export function documentOf(flow: ModelFlow): object {
  const edges = flow.steps.flatMap((step) =>
    Object.entries(step.conditions).map(([from, n]) => ({ from, to: step.id, condition: greater(n) })),
  )
  return {
    flow: flow.name,
    onFailure: flow.onFailure,
    ...(flow.deadlineMs === null ? {} : { deadline: `${flow.deadlineMs}ms` }),
    ...(flow.sticky ? { sticky: { key: 'input.key', ttl: '30s' } } : {}),
    ...(edges.length === 0 ? {} : { edges }),
    steps: flow.steps.map(stepDocument),
    output: Object.fromEntries(flow.steps.map((step) => [step.id, `\${steps.${step.id}.output}`])),
  }
}

function stepDocument(step: ModelStep): object {
  const common = {
    id: step.id,
    ...(step.after.length === 0 ? {} : { after: step.after.filter((id) => !(id in step.conditions)) }),
    ...(step.join === 'all' ? {} : { join: step.join }),
    ...(step.when === null ? {} : { when: greater(step.when) }),
  }
  if (step.kind === 'wait') return { ...common, type: 'wait', with: { for: `${step.waitMs}ms` } }
  return {
    ...common,
    type: step.block,
    with: {
      ...(step.block === 'kernel' ? { kernel: SIMULATED_KERNEL } : {}),
      behaviour: step.behaviour,
      n: `\${input.n}`,
      value: step.reads === null ? `\${input.n}` : `\${steps.${step.reads}.output}`,
    },
    retry: { attempts: step.attempts, backoff: 'exponential', base: '20ms', max: '500ms', jitter: 0.2 },
    timeout: `${step.timeoutMs}ms`,
    ...(step.optional ? { optional: true } : {}),
  }
}

function greater(n: number): string {
  return `input.n > \`${n}\``
}
