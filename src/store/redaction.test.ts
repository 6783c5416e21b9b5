import { expect, test } from 'vitest';
import { redact } from './redaction.ts';

test('what is about to be recorded loses the values wherever they stand, and nothing else', () => {
  const { clean } = redact([], ['s3cret"\\value', 's3cret']);
  expect(clean({ said: 'is s3cret"\\value here', list: ['s3cret', 1, null], more: { at: 's3' } })).toEqual({
    said: `is ${'*'.repeat(15)} here`,
    list: ['******', 1, null],
    more: { at: 's3' },
  });
});
