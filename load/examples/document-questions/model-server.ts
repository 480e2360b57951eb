/**
 * Stands for a provider of language models with an API of OpenAI's form: `POST /v1/embeddings` and `POST /v1/chat/completions`, streamed. It embeds by the
 * words that texts share, and answers with the sentence of the passages that has most words of the question. The first chat is turned away: too many requests.
 */
import type { ServerResponse } from 'node:http'
import { jsonOf, sendJson, serveHttp } from '../serve.ts'
import { embeddingOf, stemsOf } from './words.ts'

interface Asked {
  readonly model: string
  readonly input?: string | readonly string[]
  readonly messages?: readonly { readonly role: string; readonly content: string }[]
}

const [key = ''] = process.argv.slice(2)
const calls = { embeddings: 0, chats: 0 }

await serveHttp(async (request, response) => {
  if (request.url === '/calls') return sendJson(response, 200, calls)
  const asked = await jsonOf<Asked>(request)
  if (request.headers.authorization !== `Bearer ${key}`) {
    return sendJson(response, 401, { error: { message: 'the key is wrong', code: 'invalid_api_key' } })
  }
  if (request.url === '/v1/embeddings') return embed(asked, response)
  calls.chats++
  if (calls.chats === 1) {
    return sendJson(response, 429, { error: { message: 'too many requests' } }, { 'retry-after': '1' })
  }
  chat(asked, response)
})

function embed({ model, input = [] }: Asked, response: ServerResponse): void {
  calls.embeddings++
  const texts = typeof input === 'string' ? [input] : input
  const data = texts.map((text, index) => ({ object: 'embedding', index, embedding: embeddingOf(text) }))
  const tokens = texts.reduce((sum, text) => sum + tokensOf(text), 0)
  sendJson(response, 200, { object: 'list', model, data, usage: { prompt_tokens: tokens, total_tokens: tokens } })
}

function chat({ model, messages = [] }: Asked, response: ServerResponse): void {
  const prompt = messages.at(-1)?.content ?? ''
  const text = JSON.stringify(answerOf(prompt))
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const send = (chunk: object): void => {
    response.write(`data: ${JSON.stringify({ object: 'chat.completion.chunk', model, ...chunk })}\n\n`)
  }
  for (const content of text.match(/.{1,12}/gs) ?? [])
    send({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })
  send({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
  const [input, output] = [tokensOf(messages.map(({ content }) => content).join(' ')), tokensOf(text)]
  send({ choices: [], usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output } })
  response.end('data: [DONE]\n\n')
}

interface Sentence {
  readonly id: string
  readonly text: string
  readonly shared: number
}

function answerOf(prompt: string): { readonly answer: string; readonly sources: readonly string[] } {
  const wanted = new Set(stemsOf(/^Question: (.*)$/m.exec(prompt)?.[1] ?? ''))
  const best = sentencesOf(prompt, wanted).reduce<Sentence | null>(
    (a, b) => (a === null || b.shared > a.shared ? b : a),
    null,
  )
  return best === null ? { answer: 'I cannot tell.', sources: [] } : { answer: best.text, sources: [best.id] }
}

function sentencesOf(prompt: string, wanted: ReadonlySet<string>): readonly Sentence[] {
  return [...prompt.matchAll(/^\[([\w-]+)\] (.*)$/gm)].flatMap(([, id, passage]) =>
    passage!.split(/(?<=\.) /).map((text) => {
      const shared = new Set(stemsOf(text).filter((stem) => wanted.has(stem))).size
      return { id: id!, text, shared }
    }),
  )
}

/** About as many as a tokenizer finds. */
function tokensOf(text: string): number {
  return Math.ceil(text.length / 4)
}
