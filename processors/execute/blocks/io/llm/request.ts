/** What a step asks of a language model, as a request of OpenAI's form. Pure. */
import type { Json } from '../../../../../schemas/json.ts'
import { BlockError } from '../../../block.ts'

export interface LlmInput {
  readonly connection?: string
  readonly op?: 'chat' | 'embeddings'
  readonly model?: string
  readonly prompt?: string
  readonly messages?: readonly Json[]
  readonly input?: string | readonly string[]
  readonly tools?: readonly LlmTool[]
  readonly toolChoice?: Json
  readonly schema?: { readonly [name: string]: Json }
  readonly temperature?: number
  readonly maxTokens?: number
  readonly stop?: readonly string[]
  readonly seed?: number
  readonly timeout_ms?: number
}

export interface LlmTool {
  readonly name: string
  readonly description?: string
  /** JSON Schema of its arguments. */
  readonly parameters?: { readonly [name: string]: Json }
}

export interface LlmRequest {
  readonly path: string
  readonly body: { readonly [name: string]: Json }
}

/** @throws {BlockError} `MISSING_MODEL`, `MISSING_PROMPT` */
export function llmRequest(input: LlmInput, defaultModel: string | undefined): LlmRequest {
  const model = input.model ?? defaultModel
  if (model === undefined)
    throw new BlockError('MISSING_MODEL', "neither the step's input nor the connection names a model")
  if (input.op === 'embeddings') {
    if (input.input === undefined) throw new BlockError('MISSING_PROMPT', "the step's input has no 'input' to embed")
    return { path: 'embeddings', body: { model, input: input.input, encoding_format: 'float' } }
  }
  return {
    path: 'chat/completions',
    body: { model, ...chatBody(input), stream: true, stream_options: { include_usage: true } },
  }
}

function chatBody(input: LlmInput): { readonly [name: string]: Json } {
  const { prompt, messages = [], tools, toolChoice, schema, temperature, maxTokens, stop, seed } = input
  if (prompt === undefined && messages.length === 0) {
    throw new BlockError('MISSING_PROMPT', "the step's input has neither 'prompt' nor 'messages'")
  }
  const all = prompt === undefined ? messages : [...messages, { role: 'user', content: prompt }]
  return {
    messages: all,
    ...(tools !== undefined && { tools: tools.map((tool) => ({ type: 'function', function: { ...tool } })) }),
    ...(toolChoice !== undefined && { tool_choice: toolChoice }),
    ...(schema !== undefined && {
      response_format: { type: 'json_schema', json_schema: { name: 'output', schema, strict: true } },
    }),
    ...(temperature !== undefined && { temperature }),
    ...(maxTokens !== undefined && { max_completion_tokens: maxTokens }),
    ...(stop !== undefined && { stop }),
    ...(seed !== undefined && { seed }),
  }
}

export const LLM_INPUT_SCHEMA = {
  type: 'object',
  properties: {
    connection: { type: 'string', default: 'llm', description: 'Name of the connection: the provider.' },
    op: { enum: ['chat', 'embeddings'], default: 'chat', description: 'What to ask for.' },
    model: { type: 'string', description: 'Default: that of the connection.' },
    prompt: { type: 'string', description: 'What the user says, after `messages` if there are any.' },
    messages: { type: 'array', maxItems: 1_000, description: 'A conversation of `{role, content, ...}`.' },
    input: { type: ['string', 'array'], items: { type: 'string' }, maxItems: 2_048, description: 'Texts to embed.' },
    tools: {
      type: 'array',
      maxItems: 128,
      items: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string', pattern: '^[A-Za-z0-9_-]{1,64}$' },
          description: { type: 'string' },
          parameters: { type: 'object' },
        },
        additionalProperties: false,
      },
      description:
        'Functions that the model may ask to call: `{name, description, parameters}`. Calls are returned, not made.',
    },
    toolChoice: { description: '`auto`, `none`, `required`, or a function.' },
    schema: { type: 'object', description: 'JSON Schema of the answer, which then comes parsed as `json`.' },
    temperature: { type: 'number', minimum: 0, maximum: 2, description: 'How freely to choose words.' },
    maxTokens: { type: 'integer', minimum: 1, description: 'Tokens of the answer, at most.' },
    stop: { type: 'array', items: { type: 'string' }, maxItems: 4, description: 'Texts that end the answer.' },
    seed: { type: 'integer', description: 'For answers that repeat, where the provider can.' },
  },
  additionalProperties: false,
}
