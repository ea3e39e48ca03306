// Colours for YAML, line by line. Block strings are not tracked: a line within one may be coloured like YAML.

export type Token = [type: 'key' | 'string' | 'scalar' | 'mark' | 'plain', text: string];

const LINE = /^(\s*(?:- )*)(?:("[^"]*"|'[^']*'|[^\s:#"'&*|>-][^:#]*?|[^\s:#"'&*|>-][^#]*?)(:)(?=\s|$))?(.*)$/s;
const SCALAR = /^\s*(?:true|false|null|~|-?\d[\d._eE+-]*)\s*$/;

export function tokensOf(line: string): Token[] {
  const match = LINE.exec(line);
  if (!match) return [['plain', line]];
  const [, lead = '', key, colon = '', rest = ''] = match;
  const tokens: Token[] = [];
  if (lead) tokens.push([lead.includes('-') ? 'mark' : 'plain', lead]);
  if (key !== undefined) tokens.push(['key', key], ['plain', colon]);
  if (rest) tokens.push([SCALAR.test(rest) ? 'scalar' : /^\s*["']/.test(rest) ? 'string' : 'plain', rest]);
  return tokens;
}
