import type { StepId } from '../ids.ts'
import type { Json } from '../json.ts'
import { expressionAt, type FlowContext, reportUnknownStep, type StepDraft } from './check-step.ts'
import type { CheckedExpression } from './expression.ts'
import { checkNames, listAt, objectAt } from './fields.ts'
import { buildGraph, type Edge, type Graph } from './graph.ts'
import { didYouMean } from './nearest.ts'
import { type Path, show } from './problems.ts'

/** Everything that makes one step wait for another: `after`, `edges` and references. `null` when there is no order. */
export function checkEdges(drafts: readonly StepDraft[], edges: Json | undefined, context: FlowContext): Graph | null {
  const ids = drafts.map((draft) => draft.id)
  const index = new Map<string, number>(ids.map((id, at) => [id, at]))
  const listed = edges == null ? [] : edgesOf(edges, index, context)
  const all = [
    ...listed,
    ...drafts.flatMap((draft, to) => [
      ...afterEdges(draft, to, index, context),
      ...referenceEdges(draft, to, index, context),
    ]),
  ]
  const graph = buildGraph(ids, all, context.problems)
  if (graph !== null) {
    checkConditions(listed, drafts, graph, index, context)
    checkJoins(drafts, graph, context)
  }
  return graph
}

function afterEdges(
  draft: StepDraft,
  to: number,
  index: ReadonlyMap<string, number>,
  context: FlowContext,
): readonly Edge[] {
  return draft.after.flatMap(({ id, at }) => {
    const from = indexOf(id, at, index, context)
    return from === null ? [] : [{ from, to, at, reference: false, condition: null }]
  })
}

function referenceEdges(
  draft: StepDraft,
  to: number,
  index: ReadonlyMap<string, number>,
  context: FlowContext,
): readonly Edge[] {
  return draft.expressions.flatMap((expression) => {
    refuseAllSteps(expression, context)
    return expression.references.steps.flatMap((id) => {
      const from = index.get(id)
      if (from === undefined) reportUnknownStep(id, [...index.keys()], expression, context)
      return from === undefined ? [] : [{ from, to, at: expression.at, reference: true, condition: null }]
    })
  })
}

/** Which steps have ended by then depends on chance, so a decision may not look at all of them. */
function refuseAllSteps(expression: CheckedExpression, { problems }: FlowContext): void {
  if (!expression.references.allSteps) return
  const message = `'${expression.text}' takes all steps at once; expected steps by name, such as steps.price.output`
  problems.report('INVALID_EXPRESSION', expression.at, message)
}

function edgesOf(value: Json, index: ReadonlyMap<string, number>, context: FlowContext): readonly Edge[] {
  const { problems } = context
  const found = new Map<string, Edge>()
  const list = listAt(value, ['edges'], 'a list of edges such as { from: a, to: b }', problems)
  for (const [number, item] of list.entries()) {
    const at: Path = ['edges', number]
    const edge = objectAt(item, at, 'an edge such as { from: a, to: b }', problems)
    if (edge === null) continue
    checkNames(edge, { known: ['from', 'to', 'condition'] }, at, problems)
    const [from, to] = ['from', 'to'].map((end) => indexOf(edge[end], [...at, end], index, context))
    const condition = edge.condition == null ? null : expressionAt(edge.condition, [...at, 'condition'], context)
    if (condition !== null) refuseAllSteps(condition, context)
    if (from == null || to == null) continue
    const before = found.get(`${from} ${to}`)
    if (before?.condition != null && condition !== null) {
      problems.report(
        'INVALID_FIELD',
        [...at, 'condition'],
        'there is another edge with a condition between these steps; expected one',
      )
    }
    found.set(`${from} ${to}`, { from, to, at, reference: false, condition: condition ?? before?.condition ?? null })
  }
  return [...found.values()]
}

function indexOf(
  id: Json | undefined,
  at: Path,
  index: ReadonlyMap<string, number>,
  { problems }: FlowContext,
): number | null {
  const found = typeof id === 'string' ? index.get(id) : undefined
  if (found !== undefined) return found
  const hint = typeof id === 'string' ? didYouMean(id, index.keys()) : ''
  if (typeof id === 'string')
    problems.report('UNKNOWN_STEP', at, `there is no step '${id}'${hint}; expected the id of a step`)
  else problems.report('INVALID_FIELD', at, `found ${show(id)}; expected the id of a step`)
  return null
}

/** A condition is decided when the step the edge comes from has ended; it can see that step and what came before. */
function checkConditions(
  edges: readonly Edge[],
  drafts: readonly StepDraft[],
  graph: Graph,
  index: ReadonlyMap<string, number>,
  context: FlowContext,
): void {
  for (const { from, condition } of edges) {
    if (condition === null) continue
    const expression = condition as CheckedExpression
    for (const id of expression.references.steps) {
      const step = index.get(id)
      if (step === undefined) reportUnknownStep(id, [...index.keys()], expression, context)
      else if (step !== from && !graph.isAncestor(step, from)) {
        const name: StepId = drafts[from]!.id
        context.problems.report(
          'NOT_AN_ANCESTOR',
          expression.at,
          `step '${id}' may not have ended when '${name}' has; expected '${name}' or a step before it`,
        )
      }
    }
  }
}

function checkJoins(drafts: readonly StepDraft[], graph: Graph, { problems }: FlowContext): void {
  drafts.forEach(({ join, at }, step) => {
    const count = graph.dependencies[step]!.length
    if (join.kind === 'count' && join.count > Math.max(count, 1)) {
      problems.report(
        'INVALID_FIELD',
        [...at, 'join'],
        `the step waits for ${join.count} of ${count} dependencies; expected at most ${count}`,
      )
    }
  })
}
