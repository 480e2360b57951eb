/**
 * What a run of a flow must lead to, worked out in the plainest way from the flow language's rulings: no order, no time, no faults. Shares no code with
 * the product.
 */
import { type ModelFlow, type ModelStep, TROUBLE_BELOW } from './flow-model.ts'

export interface RunInput {
  readonly n: number
  readonly key: string
}

export type Outcome =
  | { readonly status: 'completed'; readonly output: unknown }
  /** Which step's failure is told depends on timing if several fail. */
  | { readonly status: 'failed' }

type StepEnd =
  | { readonly kind: 'completed'; readonly output: unknown }
  | { readonly kind: 'skipped' }
  | { readonly kind: 'failed'; readonly terminal: boolean }

/** `replaced`: outputs taken over from a run that is replayed. */
export function expectedOutcome(
  flow: ModelFlow,
  input: RunInput,
  replaced: ReadonlyMap<string, unknown> = new Map(),
): Outcome {
  const ends = new Map<string, StepEnd>()
  let failed = false
  for (const step of flow.steps) {
    const taken = replaced.get(step.id)
    const end: StepEnd =
      taken !== undefined || replaced.has(step.id)
        ? { kind: 'completed', output: taken }
        : endOf(flow, step, input, ends)
    ends.set(step.id, end)
    if (end.kind === 'failed' && (!step.optional || end.terminal)) failed = true
  }
  if (failed) return { status: 'failed' }
  return {
    status: 'completed',
    output: Object.fromEntries(flow.steps.map((step) => [step.id, outputOf(ends.get(step.id)!)])),
  }
}

function endOf(flow: ModelFlow, step: ModelStep, input: RunInput, ends: ReadonlyMap<string, StepEnd>): StepEnd {
  if (step.after.length > 0 && !joinHolds(flow, step, input, ends)) return { kind: 'skipped' }
  if (step.when !== null && !(input.n > step.when)) return { kind: 'skipped' }
  if (step.kind === 'wait') return { kind: 'completed', output: null }
  const { behaviour, attempts } = step
  if (input.n < TROUBLE_BELOW) {
    if (behaviour.hang) return { kind: 'failed', terminal: false }
    if (behaviour.failFirst > 0 && behaviour.errorClass !== 'transient') {
      return { kind: 'failed', terminal: behaviour.errorClass === 'terminal' }
    }
    if (behaviour.failFirst >= attempts) return { kind: 'failed', terminal: false }
  }
  const value = step.reads === null ? input.n : outputOf(ends.get(step.reads)!)
  return { kind: 'completed', output: { step: step.id, value } }
}

function joinHolds(flow: ModelFlow, step: ModelStep, input: RunInput, ends: ReadonlyMap<string, StepEnd>): boolean {
  let met = 0
  let broken = 0
  for (const id of step.after) {
    const end = ends.get(id)!
    const completed =
      end.kind === 'completed' || (end.kind === 'failed' && flow.steps.find((s) => s.id === id)!.optional)
    const condition = step.conditions[id]
    if (completed && (condition === undefined || input.n > condition)) met += 1
    else if (end.kind === 'failed' && !completed) broken += 1
  }
  if (step.join === 'all') return broken === 0 && met > 0
  return met >= (step.join === 'any' ? 1 : step.join)
}

function outputOf(end: StepEnd): unknown {
  return end.kind === 'completed' ? end.output : null
}
