/** Puts the pieces of a streamed answer together. Pure. */
import type { Json } from '../../../../../schemas/json.ts'
import { BlockError } from '../../../block.ts'

export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: Json
}

export interface Usage {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly totalTokens: number
}

export interface Answer {
  readonly text: string
  readonly toolCalls: readonly ToolCall[]
  readonly finishReason: string | null
  readonly model: string | null
  readonly usage: Usage | null
}

interface PartialCall {
  id: string
  name: string
  text: string
}

interface Delta {
  readonly content?: string | null
  readonly refusal?: string | null
  readonly tool_calls?: readonly {
    readonly index?: number
    readonly id?: string
    readonly function?: { readonly name?: string; readonly arguments?: string }
  }[]
}

interface Chunk {
  readonly model?: string
  readonly choices?: readonly {
    readonly delta?: Delta
    readonly message?: Delta
    readonly finish_reason?: string | null
  }[]
  readonly usage?: {
    readonly prompt_tokens?: number
    readonly completion_tokens?: number
    readonly total_tokens?: number
  } | null
  readonly error?: { readonly message?: string; readonly code?: string | number | null } | null
}

const CALLS_MAX = 128

export class AnswerBuilder {
  readonly #limitChars: number
  readonly #calls: PartialCall[] = []
  #text = ''
  #chars = 0
  #finishReason: string | null = null
  #model: string | null = null
  #usage: Usage | null = null

  constructor(limitChars: number) {
    this.#limitChars = limitChars
  }

  /** Takes one event of the stream, or a whole answer; returns the text it adds. @throws {BlockError} `LLM_STREAM_BROKEN`, `LLM_FAILED`, `RESPONSE_TOO_LARGE` */
  add(json: string): string {
    const chunk = parsed(json)
    if (chunk.error != null) {
      throw new BlockError('LLM_FAILED', `the provider failed: ${String(chunk.error.message).slice(0, 500)}`)
    }
    this.#model ??= chunk.model ?? null
    if (chunk.usage != null) this.#usage = usageOf(chunk.usage)
    const choice = chunk.choices?.[0]
    if (choice === undefined) return ''
    this.#finishReason = choice.finish_reason ?? this.#finishReason
    const delta = choice.delta ?? choice.message ?? {}
    for (const [index, call] of (delta.tool_calls ?? []).entries()) this.#addCall(call.index ?? index, call)
    const text = delta.content ?? delta.refusal ?? ''
    this.#text += text
    this.#count(text.length)
    return text
  }

  /** Whether the provider has said that the answer is whole. */
  get isWhole(): boolean {
    return this.#finishReason !== null
  }

  /** @throws {BlockError} `LLM_STREAM_BROKEN` when arguments of a call are no JSON */
  finish(): Answer {
    return {
      text: this.#text,
      toolCalls: this.#calls.map(({ id, name, text }) => ({ id, name, arguments: argumentsOf(name, text) })),
      finishReason: this.#finishReason,
      model: this.#model,
      usage: this.#usage,
    }
  }

  #addCall(index: number, part: NonNullable<Delta['tool_calls']>[number]): void {
    if (!Number.isInteger(index) || index < 0 || index > this.#calls.length || index >= CALLS_MAX) {
      throw new BlockError(
        'LLM_STREAM_BROKEN',
        `the stream has a part of call ${String(index)}; expected up to ${this.#calls.length}`,
      )
    }
    let call = this.#calls[index]
    if (call === undefined) {
      call = { id: '', name: '', text: '' }
      this.#calls.push(call)
    }
    call.id ||= part.id ?? ''
    call.name ||= part.function?.name ?? ''
    const text = part.function?.arguments ?? ''
    call.text += text
    this.#count(text.length)
  }

  #count(chars: number): void {
    this.#chars += chars
    if (this.#chars <= this.#limitChars) return
    throw new BlockError('RESPONSE_TOO_LARGE', `the answer has more than ${this.#limitChars} characters, the limit`)
  }
}

function parsed(json: string): Chunk {
  try {
    const value = JSON.parse(json) as unknown
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Chunk
  } catch {
    // told below
  }
  throw new BlockError('LLM_STREAM_BROKEN', `the provider sent '${json.slice(0, 80)}'; expected an object as JSON`)
}

function argumentsOf(name: string, text: string): Json {
  if (text.trim() === '') return {}
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new BlockError('LLM_STREAM_BROKEN', `the arguments of the call of '${name.slice(0, 64)}' are no JSON`)
  }
}

export function usageOf(usage: NonNullable<Chunk['usage']>): Usage {
  const inputTokens = usage.prompt_tokens ?? 0
  const outputTokens = usage.completion_tokens ?? 0
  return { inputTokens, outputTokens, totalTokens: usage.total_tokens ?? inputTokens + outputTokens }
}
