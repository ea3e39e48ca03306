import { describe, expect, it } from 'vitest';
import { ownerOf, tokenIn } from '../src/api/token.ts';

describe('what is pasted', () => {
  it.each([
    ['fgt_abc', 'fgt_abc'],
    ['  eyJh.eyJp.c2ln\n', 'eyJh.eyJp.c2ln'],
    ['Bearer fgt_abc', 'fgt_abc'],
    ['authorization: bearer fgt_abc', 'fgt_abc'],
    ['{"kind": "ExecCredential", "status": {"token": "eyJh.eyJp.c2ln"}}', 'eyJh.eyJp.c2ln'],
  ])('%s holds a token', (pasted, token) => expect(tokenIn(pasted)).toBe(token));

  it.each([
    '',
    'Bearer',
    'Bearer ',
    'two words',
    'two\nlines',
    'fgt_ü',
    '{"status": {}}',
    '{"status": {"token": 7}}',
    '{"status": {"token": "two words"}}',
    '{',
  ])('%j holds none', (pasted) => expect(tokenIn(pasted)).toBeNull());
});

describe('the owner of a token', () => {
  const jwt = (payload: unknown) => `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.c2ln`;

  it('is who issued it with the subject', () => {
    expect(ownerOf(jwt({ iss: 'https://one', sub: 'ann' }))).toBe(
      ownerOf(jwt({ iss: 'https://one', sub: 'ann', exp: 1 })),
    );
    expect(ownerOf(jwt({ iss: 'https://one', sub: 'ann' }))).not.toBe(ownerOf(jwt({ iss: 'https://two', sub: 'ann' })));
    expect(ownerOf(jwt({ iss: 'https://one', sub: '???>>>~~~ü' }))).not.toBeNull();
  });

  it.each(['fgt_abc', 'a.b.c', '', '..', jwt({ sub: 'ann' }), jwt(null)])('is not known of %s', (token) => {
    expect(ownerOf(token)).toBeNull();
  });
});
