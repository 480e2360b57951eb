/** Which names of the scope an expression uses, and whether they can exist. */
import type { Ast } from './expression-ast.ts'
import { didYouMean } from './nearest.ts'

export interface References {
  readonly input: boolean
  /** Ids under `steps`, in order of appearance, without repeats. */
  readonly steps: readonly string[]
  /** It takes `steps`, or everything there is, as a whole. */
  readonly allSteps: boolean
}

const ROOTS = ['input', 'vars', 'steps', 'run']
const STEP_FIELDS = ['output', 'status', 'attempts', 'error']
const RUN_FIELDS = ['id', 'tenant', 'flow', 'version', 'startedAt']

/** Names from the top of the scope; `null` once that is not known any more. */
type Place = readonly string[] | null

export interface NameProblem {
  readonly code: 'UNKNOWN_NAME' | 'NOT_SUPPORTED_YET'
  readonly message: string
  /** The name that is unknown, where the message is about one. */
  readonly name?: string
}

/** `vars`: names of the flow's constants. */
export function findReferences(
  ast: Ast,
  vars: readonly string[],
): { readonly references: References; readonly problems: readonly NameProblem[] } {
  const steps = new Set<string>()
  const problems: NameProblem[] = []
  let input = false
  let allSteps = false

  const unknown = (what: string, name: string, known: readonly string[]): null => {
    const message = `unknown name '${name}' in ${what}${didYouMean(name, known)}; expected ${known.length === 0 ? 'no name, since there are none' : `one of ${known.join(', ')}`}`
    problems.push({ code: 'UNKNOWN_NAME', message, name })
    return null
  }

  const enter = (place: Place, name: string): Place => {
    if (place === null) return null
    const [root] = place
    if (root === undefined) {
      if (name === 'item' || name === 'index') {
        problems.push({
          code: 'NOT_SUPPORTED_YET',
          message: `'${name}' belongs to forEach, which this version does not have yet`,
        })
        return null
      }
      return ROOTS.includes(name) ? [name] : unknown('the expression', name, ROOTS)
    }
    if (root === 'input') return place
    if (root === 'run' && place.length === 1) return RUN_FIELDS.includes(name) ? null : unknown('run', name, RUN_FIELDS)
    if (root === 'vars' && place.length === 1) return vars.includes(name) ? null : unknown('vars', name, vars)
    if (root === 'steps' && place.length === 1) {
      steps.add(name)
      return [root, name]
    }
    if (root === 'steps') return STEP_FIELDS.includes(name) ? null : unknown(`steps.${place[1]}`, name, STEP_FIELDS)
    return null
  }

  /** The value at a place is used as a whole. */
  const use = (place: Place): void => {
    if (place === null) return
    if (place.length === 0 || place[0] === 'input') input = true
    if (place.length === 0 || (place[0] === 'steps' && place.length === 1)) allSteps = true
  }

  const visit = (node: Ast, place: Place): Place => {
    switch (node.kind) {
      case 'current':
        return place
      case 'field':
        return enter(place, node.name)
      case 'index':
      case 'slice':
        use(place)
        return null
      case 'literal':
        return null
      case 'then':
        return visit(node.second, visit(node.first, place))
      case 'project':
      case 'filter':
        use(visit(node.from, place))
        if (node.kind === 'filter') visit(node.where, null)
        visit(node.each, null)
        return null
      default:
        for (const part of partsOf(node)) use(visit(part, place))
        return null
    }
  }
  use(visit(ast, []))
  return { references: { input, steps: [...steps], allSteps }, problems }
}

/** Parts that see what the whole sees. A function's `&expression` sees items, of which nothing is known. */
function partsOf(node: Ast): readonly Ast[] {
  switch (node.kind) {
    case 'flatten':
      return [node.from]
    case 'list':
      return node.items
    case 'object':
      return node.members.map(([, value]) => value)
    case 'or':
    case 'and':
    case 'compare':
      return [node.left, node.right]
    case 'not':
      return [node.operand]
    case 'call':
      return node.args.filter((arg) => arg.kind !== 'reference')
    default:
      return []
  }
}
