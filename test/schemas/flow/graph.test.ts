import { describe, expect, test } from 'vitest'
import { compiled, flow, graphOf, problems } from './flows.ts'

describe('dependencies', () => {
  test.each([
    ['after as one name', ' - {id: a, type: echo}\n - {id: b, type: echo, after: a}', ['a<-', 'b<-a']],
    [
      'a reference in with',
      ` - {id: b, type: echo, with: ["\${steps.a.output}"]}\n - {id: a, type: echo}`,
      ['b<-a', 'a<-'],
    ],
    ['a reference in when', ' - {id: a, type: echo}\n - {id: b, type: echo, when: steps.a.output}', ['a<-', 'b<-a']],
    [
      'a reference in until',
      ' - {id: a, type: echo}\n - {id: b, type: wait, with: {until: steps.a.output}}',
      ['a<-', 'b<-a'],
    ],
    [
      'a reference to what comes before anyway adds none',
      ` - {id: a, type: echo}\n - {id: b, type: echo, after: a}\n - {id: c, type: echo, after: b, join: any, with: "\${steps.a.output}"}`,
      ['a<-', 'b<-a', 'c<-b'],
    ],
    [
      'nor does one to what comes before by another reference, in any order',
      ` - {id: c, type: echo, with: ["\${steps.a.output}", "\${steps.b.output}"]}\n - {id: b, type: echo, with: "\${steps.a.output}"}\n - {id: a, type: echo}`,
      ['c<-b', 'b<-a', 'a<-'],
    ],
    [
      'one said twice is one',
      ` - {id: a, type: echo}\n - {id: b, type: echo, after: [a, a], with: "\${steps.a.output}"}`,
      ['a<-', 'b<-a'],
    ],
  ])('%s', (_, steps, expected) => {
    expect(graphOf(compiled(flow(steps)))).toEqual(expected)
  })

  test('a condition of an edge belongs to the dependency that after makes too', () => {
    const result = compiled(
      flow(' - {id: a, type: echo}\n - {id: b, type: echo, after: a}', 'edges: [{from: a, to: b, condition: input.x}]'),
    )
    expect(result.steps[1]!.dependencies).toMatchObject([{ step: 0, condition: { text: 'input.x' } }])
  })

  test('output adds none', () => {
    expect(compiled(flow(' - {id: a, type: echo}', 'output: steps.a.output')).output!.reads.steps).toEqual(['a'])
  })
})

describe('a cycle is named', () => {
  test.each([
    [
      'of after',
      ' - {id: a, type: echo, after: c}\n - {id: b, type: echo, after: a}\n - {id: c, type: echo, after: b}',
      /CYCLE steps\[\d\]\.after: the steps form a cycle: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c);/,
    ],
    [
      'of a step and itself',
      ' - {id: a, type: echo, after: [a]}',
      /CYCLE steps\[0\]\.after\[0\]: the steps form a cycle: a -> a;/,
    ],
    [
      'of references',
      ` - {id: a, type: echo, with: "\${steps.b.output}"}\n - {id: b, type: echo, after: a}`,
      /cycle: (a -> b -> a|b -> a -> b) \(a uses steps\.b\)/,
    ],
    [
      'beside other steps',
      ' - {id: z, type: echo}\n - {id: y, type: echo, after: [z, x]}\n - {id: x, type: echo, after: [z, y]}',
      /cycle: (x -> y -> x|y -> x -> y);/,
    ],
  ])('%s', (_, steps, message) => {
    expect(problems(flow(steps))).toEqual([expect.stringMatching(message)])
  })

  test('of 1,000 steps shortened', () => {
    const steps = Array.from({ length: 1_000 }, (_, i) => ` - {id: s${i}, type: echo, after: [s${(i + 999) % 1_000}]}`)
    expect(problems(flow(steps.join('\n')))).toEqual([expect.stringMatching(/-> \.\.\. \(1000 steps\)/)])
  })
})
