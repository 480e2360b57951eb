/** What a flow's graph looks like from the side of a step that ends. Derived once per compiled flow. */
import type { CompiledFlow, CompiledStep, Expression } from '../../schemas/flow/model.ts'

export interface Edge {
  readonly to: CompiledStep
  readonly condition: Expression | null
}

export interface Plan {
  /** The edges out of each step, by index of step. */
  readonly edges: readonly (readonly Edge[])[]
  /** Steps nothing depends on, ascending. */
  readonly sinks: readonly CompiledStep[]
}

const plans = new WeakMap<CompiledFlow, Plan>()

export function planOf(flow: CompiledFlow): Plan {
  let plan = plans.get(flow)
  if (plan === undefined) {
    plan = makePlan(flow)
    plans.set(flow, plan)
  }
  return plan
}

function makePlan(flow: CompiledFlow): Plan {
  const edges: Edge[][] = flow.steps.map(() => [])
  for (const to of flow.steps) {
    for (const { step, condition } of to.dependencies) edges[step]!.push({ to, condition })
  }
  return { edges, sinks: flow.steps.filter((step) => edges[step.index]!.length === 0) }
}
