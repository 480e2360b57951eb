/**
 * Whether a value that is known in part can match a JSON Schema. `no` only if nothing that may be filled in makes it match, `yes` only if everything does;
 * what the judge does not know (keywords such as `unevaluatedProperties`, references out of the schema) is `maybe`.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { expectationOf, type Schema } from './expectation.ts'
import {
  all,
  invalid,
  isSchema,
  type Judgement,
  MAYBE,
  misfit,
  missingField,
  noneOf,
  otherType,
  shown,
  unknownField,
  YES,
} from './misfit.ts'
import type { Path } from './problems.ts'
import { Hole, isLiteral, isObjectShape, type Shape } from './template-shape.ts'

type Rule = (judge: Judge, schema: Schema, shape: Shape, at: Path) => Judgement

/** Parts of schemas that are looked at for one value; alternatives within alternatives could be without end. */
const MAX_VISITS = 20_000
const MAX_REFERENCES = 64
/** Unknown fields of one object that are told: for each the nearest name is looked for. */
const MAX_UNKNOWN = 20

/** Of values by themselves; left to Ajv, which the executors ask too. */
const LEAVES = [
  ...['enum', 'const', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  ...['minLength', 'maxLength', 'pattern', 'format', 'uniqueItems'],
]
/** Say nothing of a value. */
const ANNOTATIONS = [
  ...['$schema', '$id', '$anchor', '$comment', '$defs', 'definitions', 'title', 'description', 'examples', 'default'],
  ...['deprecated', 'readOnly', 'writeOnly', 'contentEncoding', 'contentMediaType', 'contentSchema'],
]
/** Have no rule: they are looked at in every schema, or with another keyword. */
const RULELESS = new Set([
  ...['type', 'then', 'else', 'properties', 'patternProperties', 'additionalProperties', 'items', 'prefixItems'],
  ...ANNOTATIONS,
  ...LEAVES,
])

/** One for each schema: it keeps what it has compiled. */
export class SchemaJudge {
  readonly #root: Schema
  readonly #leaves = new Map<Schema, ValidateFunction | null>()

  constructor(root: object) {
    this.#root = root as Schema
  }

  judge(shape: Shape): Judgement {
    return new Judge(this.#root, this.#leaves).visit(this.#root, shape, [])
  }
}

class Judge {
  readonly root: Schema
  readonly #leaves: Map<Schema, ValidateFunction | null>
  #visits = 0
  #references = 0

  constructor(root: Schema, leaves: Map<Schema, ValidateFunction | null>) {
    this.root = root
    this.#leaves = leaves
  }

  visit(schema: unknown, shape: Shape, at: Path): Judgement {
    if (schema === false) return invalid(at, `found ${shown(shape)}; expected nothing here`)
    if (!isSchema(schema) || ++this.#visits > MAX_VISITS) return schema === true ? YES : MAYBE
    if (schema !== this.root && '$id' in schema) return MAYBE
    if (shape instanceof Hole && shape.kind === 'value')
      return Object.keys(schema).every((keyword) => ANNOTATIONS.includes(keyword)) ? YES : MAYBE
    if (!ofType(schema.type, shape)) return otherType(schema, shape, at)
    const judgements = [this.#leaf(schema, shape, at), members(this, schema, shape, at), items(this, schema, shape, at)]
    for (const keyword of Object.keys(schema)) {
      if (RULELESS.has(keyword)) continue
      const rule = Object.hasOwn(RULES, keyword) ? RULES[keyword]! : () => MAYBE
      judgements.push(rule(this, schema, shape, at))
    }
    return all(judgements)
  }

  /** `maybe` for a reference that leads elsewhere, or round in a circle. */
  follow(reference: unknown, shape: Shape, at: Path): Judgement {
    const target = typeof reference === 'string' ? targetOf(this.root, reference) : undefined
    if (target === undefined || this.#references >= MAX_REFERENCES) return MAYBE
    this.#references++
    const judgement = this.visit(target, shape, at)
    this.#references--
    return judgement
  }

  #leaf(schema: Schema, shape: Shape, at: Path): Judgement {
    if (!LEAVES.some((keyword) => keyword in schema)) return YES
    if (!isLiteral(shape)) return MAYBE
    const validate = this.#leafCheck(schema)
    if (validate === null) return MAYBE
    return validate(shape) ? YES : misfit(schema, shape, at)
  }

  #leafCheck(schema: Schema): ValidateFunction | null {
    const known = this.#leaves.get(schema)
    if (known !== undefined) return known
    const leaf = Object.fromEntries(LEAVES.filter((name) => name in schema).map((name) => [name, schema[name]]))
    let check: ValidateFunction | null = null
    try {
      check = new Ajv2020({ strict: false, logger: false, meta: false, validateFormats: false }).compile(leaf)
    } catch {
      // a pattern that is none, say: whoever runs the block will tell
    }
    this.#leaves.set(schema, check)
    return check
  }
}

const RULES: { readonly [keyword: string]: Rule } = {
  $ref: (judge, schema, shape, at) => judge.follow(schema.$ref, shape, at),
  required(_judge, { required, properties }, shape, at) {
    if (!isObjectShape(shape)) return YES
    const missing = namesIn(required).filter((name) => shape[name] === undefined)
    return all(missing.map((name) => missingField(at, name, (properties as Schema | undefined)?.[name])))
  },
  dependentRequired(_judge, { dependentRequired }, shape, at) {
    if (!isObjectShape(shape) || !isSchema(dependentRequired)) return YES
    const wanted = Object.entries(dependentRequired).filter(([name]) => shape[name] !== undefined)
    const missing = wanted.flatMap(([, names]) => namesIn(names)).filter((name) => shape[name] === undefined)
    return all([...new Set(missing)].map((name) => missingField(at, name, undefined)))
  },
  dependentSchemas(judge, { dependentSchemas }, shape, at) {
    if (!isObjectShape(shape) || !isSchema(dependentSchemas)) return YES
    const wanted = Object.entries(dependentSchemas).filter(([name]) => shape[name] !== undefined)
    return all(wanted.map(([, schema]) => judge.visit(schema, shape, at)))
  },
  propertyNames(judge, { propertyNames }, shape, at) {
    if (!isObjectShape(shape)) return YES
    return all(Object.keys(shape).map((name) => judge.visit(propertyNames, name, [...at, name])))
  },
  minProperties: (_judge, schema, shape, at) =>
    sized(schema, shape, at, schema.minProperties, isObjectShape(shape), -1),
  maxProperties: (_judge, schema, shape, at) => sized(schema, shape, at, schema.maxProperties, isObjectShape(shape), 1),
  minItems: (_judge, schema, shape, at) => sized(schema, shape, at, schema.minItems, Array.isArray(shape), -1),
  maxItems: (_judge, schema, shape, at) => sized(schema, shape, at, schema.maxItems, Array.isArray(shape), 1),
  allOf: (judge, { allOf }, shape, at) => all(schemasIn(allOf).map((schema) => judge.visit(schema, shape, at))),
  anyOf(judge, { anyOf }, shape, at) {
    const schemas = schemasIn(anyOf)
    const judgements = schemas.map((schema) => judge.visit(schema, shape, at))
    if (judgements.some(({ verdict }) => verdict === 'yes')) return YES
    return judgements.some(({ verdict }) => verdict === 'maybe') ? MAYBE : noneOf(schemas, judgements, shape, at)
  },
  oneOf(judge, { oneOf }, shape, at) {
    const schemas = schemasIn(oneOf)
    const judgements = schemas.map((schema) => judge.visit(schema, shape, at))
    const matching = judgements.filter(({ verdict }) => verdict === 'yes').length
    if (matching > 1) return invalid(at, `found ${shown(shape)}, which is of ${matching} forms at once; expected one`)
    if (judgements.some(({ verdict }) => verdict === 'maybe')) return MAYBE
    return matching === 1 ? YES : noneOf(schemas, judgements, shape, at)
  },
  not(judge, { not }, shape, at) {
    const { verdict } = judge.visit(not, shape, at)
    if (verdict === 'maybe') return MAYBE
    return verdict === 'no' ? YES : invalid(at, `found ${shown(shape)}; expected anything but ${expectationOf(not)}`)
  },
  if(judge, { if: condition, then = true, else: otherwise = true }, shape, at) {
    const { verdict } = judge.visit(condition, shape, at)
    if (verdict !== 'maybe') return judge.visit(verdict === 'yes' ? then : otherwise, shape, at)
    const branches = [then, otherwise].map((schema) => judge.visit(schema, shape, at))
    if (branches.every((branch) => branch.verdict === 'yes')) return YES
    return branches.every((branch) => branch.verdict === 'no') ? noneOf([then, otherwise], branches, shape, at) : MAYBE
  },
}

function members(judge: Judge, schema: Schema, shape: Shape, at: Path): Judgement {
  if (!isObjectShape(shape)) return YES
  const { properties = {}, patternProperties = {}, additionalProperties: others = true } = schema
  const known = properties as Schema
  const patterns = Object.entries(patternProperties as Schema).map(([text, member]) => [pattern(text), member] as const)
  if (patterns.some(([test]) => test === null)) return MAYBE
  let unknown = 0
  const judgements = Object.entries(shape).flatMap(([name, member]) => {
    const path = [...at, name]
    const named = Object.hasOwn(known, name) ? [known[name]] : []
    const all = [...named, ...patterns.filter(([test]) => test!.test(name)).map(([, one]) => one)]
    if (all.length > 0) return all.map((one) => judge.visit(one, member, path))
    if (others !== false) return [judge.visit(others, member, path)]
    return ++unknown > MAX_UNKNOWN ? [] : [unknownField(path, name, Object.keys(known))]
  })
  return all(judgements)
}

function items(judge: Judge, schema: Schema, shape: Shape, at: Path): Judgement {
  if (!Array.isArray(shape)) return YES
  const first = schemasIn(schema.prefixItems)
  const { items: rest = true } = schema
  return all((shape as readonly Shape[]).map((item, index) => judge.visit(first[index] ?? rest, item, [...at, index])))
}

/** `beyond` 1: the limit is the most there may be, -1: the least. */
function sized(schema: Schema, shape: Shape, at: Path, limit: unknown, applies: boolean, beyond: 1 | -1): Judgement {
  if (!applies) return YES
  const size = Object.keys(shape as object).length
  if (Math.sign(size - (limit as number)) !== beyond) return YES
  const found = isObjectShape(shape) ? `an object with ${size} fields` : shown(shape)
  return invalid(at, `found ${found}; expected ${expectationOf(schema)}`)
}

function ofType(type: unknown, shape: Shape): boolean {
  if (type === undefined) return true
  return [type].flat().some((name) => isOfType(name, shape))
}

function isOfType(type: unknown, shape: Shape): boolean {
  if (shape instanceof Hole) return type === 'string'
  if (shape === null) return type === 'null'
  if (Array.isArray(shape)) return type === 'array'
  if (typeof shape === 'number') return type === 'number' || (type === 'integer' && shape % 1 === 0)
  return type === typeof shape
}

function namesIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((name) => typeof name === 'string') : []
}

function schemasIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function pattern(text: string): RegExp | null {
  try {
    return new RegExp(text, 'u')
  } catch {
    return null
  }
}

/** What `#` or `#/a/b` leads to. */
function targetOf(root: Schema, reference: string): unknown {
  if (!/^#(\/|$)/.test(reference) || reference.includes('%')) return undefined
  let target: unknown = root
  for (const part of reference.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof target !== 'object' || target === null || !Object.hasOwn(target, name)) return undefined
    target = (target as Schema)[name]
  }
  return target
}
