/** Questions about documents: embeddings from a provider, the nearest passages from a kernel, an answer from a model. */
import { readdirSync } from 'node:fs'
import type { Json } from '../../../schemas/json.ts'
import type { Example } from '../example.ts'
import type { RunOf, Stage } from '../stage.ts'

interface Passage {
  readonly id: string
  readonly title: string
  readonly text: string
}

export interface Library {
  readonly passages: readonly Passage[]
  /** The matrix, one row for each passage. */
  readonly vectors: { readonly blob: string; readonly size: number; readonly type: string; readonly hash: string }
}

export interface Answer {
  readonly answer: string
  readonly sources: readonly string[]
  readonly nearest: readonly { readonly id: string; readonly score: number }[]
  readonly usage: Json
}

export interface DocumentQuestionsResult {
  readonly library: Library
  /** The matrix itself, row by row. */
  readonly matrix: Float32Array
  readonly runs: readonly RunOf<Answer>[]
  /** Requests that the provider got. */
  readonly calls: { readonly embeddings: number; readonly chats: number }
}

const KEY = 'sk-local-0123456789'

export const documentQuestions: Example<DocumentQuestionsResult> = {
  name: 'document-questions',
  about: 'answer questions from documents: embeddings, the nearest passages on the GPU, a language model',
  play: async (stage) => {
    const provider = await stage.standIn('the model provider', 'document-questions/model-server.ts', [KEY])
    await stage.start({
      BEAMLINE_CONNECTIONS: JSON.stringify({
        llm: {
          kind: 'llm',
          url: `${provider.url}/v1`,
          key: 'secret://model-key',
          model: 'chat-small',
          usdPerMillion: { input: 0.5, output: 1.5 },
        },
      }),
      BEAMLINE_SECRET_MODEL_KEY: KEY,
    })
    await stage.publish('index-documents.yaml')
    await stage.publish('answer-question.yaml')

    const indexed = await stage.run<Library>({ flow: 'index-documents', input: { documents: documentsOf(stage) } })
    if (indexed.status !== 'completed') throw new Error(`indexing: ${JSON.stringify(indexed.error)}`)
    const library = indexed.output
    stage.say(`indexed ${library.passages.length} passages; their matrix is ${library.vectors.blob.slice(0, 20)}...`)

    const questions = stage.data<readonly string[]>('questions.json')
    const runs = await stage.runAll<Answer>(
      questions.map((question) => ({ flow: 'answer-question', input: { question, library } })),
    )
    for (const [at, question] of questions.entries()) stage.say(`\n${shown(question, runs[at]!)}`)
    const bytes = await stage.client.getBlob({ params: { hash: library.vectors.hash } })
    const calls = await provider.json<DocumentQuestionsResult['calls']>('/calls')
    return { library, matrix: new Float32Array(new Uint8Array(bytes).buffer), runs, calls }
  },
}

function documentsOf(stage: Stage): readonly { readonly name: string; readonly text: string }[] {
  const files = readdirSync(stage.file('handbook')).sort()
  return files.map((file) => ({ name: file.replace(/\.md$/, ''), text: stage.text(`handbook/${file}`) }))
}

function shown(question: string, run: RunOf<Answer>): string {
  if (run.status !== 'completed') return `${question}\n  ${run.status}: ${run.error?.message}`
  const { answer, nearest } = run.output
  const places = nearest.map(({ id, score }) => `${id} ${score.toFixed(2)}`).join(', ')
  return `${question}\n  ${answer}\n  nearest: ${places || 'nothing'}`
}
