import { readFileSync } from 'node:fs';
import { buildSchema, type GraphQLObjectType, type GraphQLSchema, parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { EXAMPLES } from '../explorer/examples.ts';
import * as documents from '../src/api/documents.ts';
import { fieldOf, KINDS } from '../src/kinds.ts';

const federation = `
  directive @key(fields: String!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE
  directive @shareable on OBJECT | FIELD_DEFINITION
`;

function publicSchema(): GraphQLSchema {
  const sdl = readFileSync(new URL('../../schema/fleetgraph.graphql', import.meta.url), 'utf8');
  const withoutLink = sdl.replace(/extend schema @link\([\s\S]*?\n\)/, '');
  return buildSchema(federation + withoutLink, { assumeValidSDL: true });
}

const schema = publicSchema();

function faults(document: string): string[] {
  return validate(schema, parse(document)).map((error) => error.message);
}

describe('documents', () => {
  const texts = Object.entries(documents).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && /^(query|subscription)/.test(entry[1]),
  );

  it.each(texts)('%s fits the schema', (_, text) => {
    expect(faults(text)).toEqual([]);
  });

  it.each(KINDS.map((kind) => [kind.type, kind] as const))('the page of a %s fits the schema', (_, kind) => {
    expect(faults(documents.objectQuery(kind))).toEqual([]);
  });

  it.each(KINDS.map((kind) => [kind.type]))('the events of a %s fit the schema', (type) => {
    expect(faults(documents.healthEvents(type))).toEqual([]);
  });

  it.each(EXAMPLES.map((example) => [example.split('\n')[0], example]))('the example %s fits the schema', (_, text) => {
    expect(faults(text as string)).toEqual([]);
  });
});

describe('the table of kinds', () => {
  const resource = schema.getType('Resource');
  const types = schema
    .getPossibleTypes(resource as never)
    .map((type) => type.name)
    .filter((name) => name !== 'CustomResource' && name !== 'ObjectReference');

  it('has each kind of the schema', () => {
    expect(KINDS.map((kind) => kind.type).sort()).toEqual([...types].sort());
  });

  it('knows which kinds lie in namespaces', () => {
    for (const kind of KINDS) {
      const type = schema.getType(kind.type) as GraphQLObjectType;
      expect([kind.type, kind.namespaced]).toEqual([kind.type, 'namespaceName' in type.getFields()]);
      expect(schema.getQueryType()?.getFields()).toHaveProperty(fieldOf(kind));
    }
  });
});
