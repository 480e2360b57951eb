/** Orders steps by what depends on what. */
import type { Expression } from './model.ts'
import type { Path, Problems } from './problems.ts'

export interface Edge {
  readonly from: number
  readonly to: number
  /** Where the document says so. */
  readonly at: Path
  /** Made by a reference in an expression; dropped where `from` comes before `to` anyway. */
  readonly reference: boolean
  readonly condition: Expression | null
}

export interface Graph {
  /** Per step: what it depends on directly, ascending by step. */
  readonly dependencies: readonly (readonly { readonly step: number; readonly condition: Expression | null }[])[]
  /** Whether `step` comes before `other`. */
  isAncestor(step: number, other: number): boolean
}

/** `null` when there is a cycle, which is reported by the names of its steps. */
export function buildGraph(ids: readonly string[], edges: readonly Edge[], problems: Problems): Graph | null {
  const incoming: Edge[][] = ids.map(() => [])
  for (const edge of edges) incoming[edge.to]!.push(edge)
  const order = topologicalOrder(incoming)
  if (order === null) {
    reportCycle(ids, incoming, problems)
    return null
  }
  const words = Math.ceil(ids.length / 32)
  const ancestors = new Uint32Array(ids.length * words)
  for (const step of order) {
    for (const { from } of incoming[step]!) {
      for (let i = 0; i < words; i++) ancestors[step * words + i]! |= ancestors[from * words + i]!
      ancestors[step * words + (from >> 5)]! |= 1 << (from & 31)
    }
  }
  const isAncestor = (step: number, other: number) =>
    ((ancestors[other * words + (step >> 5)]! >>> (step & 31)) & 1) === 1
  return { dependencies: incoming.map((list) => directOf(list, isAncestor)), isAncestor }
}

type Direct = Graph['dependencies'][number]

/** One dependency per step before; references to what another dependency already comes after are dropped. */
function directOf(incoming: readonly Edge[], isAncestor: Graph['isAncestor']): Direct {
  const byStep = new Map<number, Expression | null>()
  for (const edge of incoming) {
    if (!edge.reference) byStep.set(edge.from, edge.condition ?? byStep.get(edge.from) ?? null)
  }
  const all = [...new Set(incoming.map((edge) => edge.from))]
  for (const { from, reference } of incoming) {
    if (!reference || byStep.has(from)) continue
    if (!all.some((other) => other !== from && isAncestor(from, other))) byStep.set(from, null)
  }
  return [...byStep].map(([step, condition]) => ({ step, condition })).sort((a, b) => a.step - b.step)
}

/** Every step after all it depends on; `null` if that is impossible. */
function topologicalOrder(incoming: readonly (readonly Edge[])[]): readonly number[] | null {
  const waiting = incoming.map((list) => list.length)
  const outgoing: number[][] = incoming.map(() => [])
  for (const list of incoming) for (const { from, to } of list) outgoing[from]!.push(to)
  const order = waiting.flatMap((count, step) => (count === 0 ? [step] : []))
  for (let at = 0; at < order.length; at++) {
    for (const next of outgoing[order[at]!]!) if (--waiting[next]! === 0) order.push(next)
  }
  return order.length === incoming.length ? order : null
}

const MAX_SHOWN = 20

function reportCycle(ids: readonly string[], incoming: readonly (readonly Edge[])[], problems: Problems): void {
  const cycle = findCycle(incoming)
  const names = [...cycle.map((edge) => ids[edge.from]!), ids[cycle[0]!.from]!]
  const shown = names.length > MAX_SHOWN ? [...names.slice(0, MAX_SHOWN), `... (${names.length - 1} steps)`] : names
  const uses = cycle.filter((edge) => edge.reference).map((edge) => `${ids[edge.to]} uses steps.${ids[edge.from]}`)
  const note = uses.length === 0 ? '' : ` (${uses.slice(0, 3).join(', ')})`
  problems.report(
    'CYCLE',
    cycle[0]!.at,
    `the steps form a cycle: ${shown.join(' -> ')}${note}; expected no step to wait for itself`,
  )
}

/** Edges of a cycle, each beginning where the one before ended. Only called when there is one. */
function findCycle(incoming: readonly (readonly Edge[])[]): readonly Edge[] {
  const done = new Set<number>()
  for (let start = 0; start < incoming.length; start++) {
    // A walk backwards: `next` is the edge of the step that is looked at next.
    const walk: { step: number; next: number; via: Edge | null }[] = [{ step: start, next: 0, via: null }]
    const onWalk = new Map<number, number>([[start, 0]])
    while (walk.length > 0) {
      const top = walk[walk.length - 1]!
      const edge = done.has(top.step) ? undefined : incoming[top.step]![top.next++]
      if (edge === undefined) {
        done.add(top.step)
        onWalk.delete(top.step)
        walk.pop()
        continue
      }
      const seenAt = onWalk.get(edge.from)
      if (seenAt !== undefined)
        return [
          edge,
          ...walk
            .slice(seenAt + 1)
            .map((entry) => entry.via!)
            .reverse(),
        ]
      if (!done.has(edge.from)) {
        onWalk.set(edge.from, walk.length)
        walk.push({ step: edge.from, next: 0, via: edge })
      }
    }
  }
  return []
}
