/** What a module with a custom block exports, and what is checked of it. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import { CUSTOM_TYPE } from '../../../../schemas/flow/block-types.ts'
import type { Json } from '../../../../schemas/json.ts'
import {
  type BlobReference,
  type BlockErrorDef,
  type BlockExample,
  type BlockLogLine,
  COMMON_ERRORS,
} from '../../block.ts'
import { describeProblem, inputCheck } from '../../input-check.ts'

/** The default export of a `*.block.ts`, `.block.mts`, `.block.js` or `.block.mjs`. */
export interface CustomBlock extends CustomDeclaration {
  /** Throws what {@link CustomContext.fail} throws, or any error with a `code` that is declared. */
  run(context: CustomContext): Promise<unknown> | unknown
}

export interface CustomDeclaration {
  /** `custom.` and a name of lower-case letters, digits and hyphens. */
  readonly type: string
  /** A whole number from 1; default 1. */
  readonly version?: number
  /** One sentence. */
  readonly summary: string
  /** JSON Schema (2020-12). */
  readonly inputSchema: object
  readonly outputSchema?: object
  /** Default: none. */
  readonly errors?: readonly BlockErrorDef[]
  /** An input that is valid. */
  readonly example: Json
  readonly examples?: readonly BlockExample[]
  /** Without effect outside, and the output depends on the input, the key and `assignedAtMs` alone. */
  readonly pure?: boolean
  /** Calls that one thread runs at once, 1..256; more than 1 for a block that waits for others most of the time. Default 1. */
  readonly concurrency?: number
}

/** Large values beside the log, whole: up to 64 MiB each. */
export interface CustomBlobs {
  /** The content of a blob, by its reference `blob://...`. Throws `BLOB_NOT_FOUND`, `BLOB_TOO_LARGE`, `BLOBS_UNAVAILABLE`. */
  get(reference: string): Promise<Uint8Array>
  /** Stores content, durably; the answer is what a step's output names it by. `type`: its media type. */
  put(content: Uint8Array | string, type?: string | null): Promise<BlobReference>
}

/** What a custom block is given for one attempt. */
export interface CustomContext {
  readonly input: Json
  readonly tenant: string
  readonly runId: string
  readonly stepId: string
  /** From 1. */
  readonly attempt: number
  /** To be sent along with every effect outside: the same for every execution of this attempt. */
  readonly key: string
  readonly traceparent: string | null
  readonly assignedAtMs: number | null
  /** Aborted on timeout, cancel and shutdown. A block that goes on for 50 ms is killed with its thread. */
  readonly signal: AbortSignal
  readonly log: (level: BlockLogLine['level'], message: string) => void
  readonly progress: (value: Json) => void
  readonly blobs: CustomBlobs
  /** Ends the attempt with a declared code. */
  readonly fail: (code: string, message: string, detail?: Json) => never
}

const CODE = '^[A-Z][A-Z0-9_]*$'
const ERROR_CLASSES = ['transient', 'recoverable', 'permanent', 'terminal']

const DECLARATION_SCHEMA = {
  type: 'object',
  properties: {
    type: { type: 'string', pattern: CUSTOM_TYPE.source },
    version: { type: 'integer', minimum: 1 },
    summary: { type: 'string', minLength: 1, maxLength: 500 },
    inputSchema: { type: 'object' },
    outputSchema: { type: 'object' },
    errors: {
      type: 'array',
      maxItems: 100,
      items: {
        type: 'object',
        properties: {
          code: { type: 'string', pattern: CODE },
          class: { enum: ERROR_CLASSES },
          meaning: { type: 'string', minLength: 1 },
        },
        required: ['code', 'class', 'meaning'],
        additionalProperties: false,
      },
    },
    example: {},
    examples: {
      type: 'array',
      items: {
        type: 'object',
        properties: { title: { type: 'string' }, input: {} },
        required: ['title', 'input'],
        additionalProperties: false,
      },
    },
    pure: { type: 'boolean' },
    concurrency: { type: 'integer', minimum: 1, maximum: 256 },
  },
  required: ['type', 'summary', 'inputSchema', 'example'],
  additionalProperties: false,
}

const checkShape = inputCheck(DECLARATION_SCHEMA)

/** What is wrong with a declaration; `null`: nothing. */
export function declarationProblem(value: Json): string | null {
  const problem = checkShape(value)
  if (problem !== null)
    return describeProblem(problem)
      .replace(/^the input/, 'the block')
      .replace(/^input at /, '')
  const declared = value as unknown as CustomDeclaration
  return schemaProblem(declared) ?? codeProblem(declared.errors ?? [])
}

function schemaProblem({ inputSchema, outputSchema, example, examples = [] }: CustomDeclaration): string | null {
  for (const [name, schema] of Object.entries({ inputSchema, outputSchema })) {
    if (schema === undefined) continue
    try {
      new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema)
    } catch (error) {
      return `/${name} is no JSON Schema (2020-12): ${(error as Error).message}`
    }
  }
  const check = inputCheck(inputSchema)
  const all = [{ title: 'example', input: example }, ...examples]
  for (const { title, input } of all) {
    const problem = check(input)
    if (problem !== null) return `the example '${title}' does not match inputSchema: ${describeProblem(problem)}`
  }
  return null
}

function codeProblem(errors: readonly BlockErrorDef[]): string | null {
  const seen = new Set(COMMON_ERRORS.map(({ code }) => code))
  for (const { code } of errors) {
    if (seen.has(code)) return `/errors declares '${code}', which is common to all blocks or declared already`
    seen.add(code)
  }
  return null
}
