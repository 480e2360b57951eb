import { expect, it } from 'vitest'
import { asJsonText } from '../../schemas/json.ts'
import { mergePatchText } from '../../schemas/merge-patch.ts'

// RFC 7396, appendix A, then keys that are no ordinary properties
it.each([
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', '{}'],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', 'null', 'null'],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
  ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ['{"__proto__":{"a":1}}', '{"__proto__":{"b":2}}', '{"__proto__":{"a":1,"b":2}}'],
  ['{}', '{"__proto__":{"polluted":true},"constructor":1}', '{"__proto__":{"polluted":true},"constructor":1}'],
])('%s patched with %s', (target, patch, expected) => {
  expect(mergePatchText(asJsonText(target), asJsonText(patch))).toBe(expected)
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
})

it('refuses text that is not JSON', () => {
  expect(() => mergePatchText(asJsonText('{}'), '{' as ReturnType<typeof asJsonText>)).toThrow(SyntaxError)
})
