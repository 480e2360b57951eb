/** The example document-questions, as `npm run example -- document-questions` plays it. */
import { expect, it } from 'vitest'
import { documentQuestions } from '../../load/examples/document-questions/document-questions.ts'
import { ANY } from '../processors/execute/blocks/gpu/backends.ts'
import { play } from './support.ts'

const TOP = 3
const LEAST = 0.2

it('answers from the nearest passages, in the order of a plain reference', async () => {
  const { result, said } = await play(documentQuestions, { env: { BEAMLINE_GPU_BACKEND: ANY } })
  const { library, matrix, runs } = result
  expect(library.passages).toHaveLength(13)
  expect(library.passages[0]).toMatchObject({ id: 'equipment-1', title: 'Equipment' })
  const dimensions = matrix.length / library.passages.length
  expect(library.vectors).toMatchObject({
    size: matrix.byteLength,
    type: `application/vnd.beamline.array; type=f32; shape=13x${dimensions}`,
  })

  expect(runs).toHaveLength(6)
  for (const { status, steps, output } of runs) {
    expect(status).toBe('completed')
    const of = <T>(id: string): T => steps.find(({ step_id }) => step_id === id)!.output as T
    const [query] = of<{ embeddings: number[][] }>('embed').embeddings
    const expected = byDistance(query!, matrix)
    const { indices, scores } = of<{ indices: number[]; scores: number[] }>('nearest')
    expect(new Set(indices).size).toBe(TOP)
    for (let n = 0; n < TOP; n++) {
      expect(scores[n]).toBeCloseTo(expected[n]!.score, 5)
      // rows of equal similarity may come in any order
      expect(scores[n]).toBeCloseTo(expected.find(({ at }) => at === indices[n])!.score, 5)
    }
    const above = expected.slice(0, TOP).filter(({ score }) => score >= LEAST)
    expect(output.nearest.map(({ id }) => id)).toEqual(above.map(({ at }) => library.passages[at]!.id))
  }

  const answers = runs.map(({ output }) => [output.sources, output.answer])
  expect(answers).toEqual([
    [['travel-2'], 'A hotel may cost up to 130 euros a night, in London, Zurich and Copenhagen up to 190.'],
    [['leave-1'], 'Holiday that is left from last year can be taken until the end of March.'],
    [['security-1'], 'A lost laptop is reported to the security desk within two hours, at any time of day.'],
    [['security-2'], 'Passwords live in the password manager and have at least 16 characters.'],
    [['equipment-2'], expect.stringContaining('a chair, a desk and a screen')],
    [[], 'The documents do not say.'],
  ])
  expect(said).toContain('The documents do not say.')

  // where nothing is near the model is not asked; where it was busy it was asked again
  expect(runs[5]!.steps.find(({ step_id }) => step_id === 'answer')!.status).toBe('skipped')
  expect(runs[5]!.output.usage).toBeNull()
  expect(result.calls).toEqual({ embeddings: 7, chats: 6 })
  const failed = runs.flatMap(({ steps }) => steps.flatMap(({ failed_attempts }) => failed_attempts))
  expect(failed).toMatchObject([{ attempt: 1, error: { code: 'HTTP_ERROR', class: 'transient' } }])
  expect(runs[0]!.output.usage).toMatchObject({ usd: expect.any(Number), totalTokens: expect.any(Number) })
})

/** In 64-bit floats, best first, of equal ones the first row first. */
function byDistance(query: readonly number[], matrix: Float32Array): readonly { at: number; score: number }[] {
  const rows = Array.from({ length: matrix.length / query.length }, (_, at) => {
    const row = matrix.subarray(at * query.length, (at + 1) * query.length)
    const dot = row.reduce((sum, value, i) => sum + value * query[i]!, 0)
    return { at, score: dot / (Math.hypot(...row) * Math.hypot(...query)) }
  })
  return rows.sort((a, b) => b.score - a.score || a.at - b.at)
}
