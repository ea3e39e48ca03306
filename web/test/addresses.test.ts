import { describe, expect, it } from 'vitest';
import { tokensOf } from '../src/object/yaml_tokens.ts';
import { objectIdOf, parseObjectId, placeOf } from '../src/object_id.ts';
import { formatAge } from '../src/parts/age.ts';
import { href, parseRoute } from '../src/router.ts';

describe('ids', () => {
  it('have colons in names, and slashes in kinds', () => {
    expect(parseObjectId('clusterroles.rbac.authorization.k8s.io/prod::system:node')).toEqual({
      resource: 'clusterroles.rbac.authorization.k8s.io',
      cluster: 'prod',
      namespace: null,
      name: 'system:node',
    });
    expect(parseObjectId('prod:shop:cart')).toBeNull();
    expect(placeOf('certificates.cert-manager.io/prod:shop:web')).toEqual({ cluster: 'prod', namespace: 'shop' });
  });

  it('are made unique over all kinds by the kind before them', () => {
    const named = { kind: 'Deployment', name: 'cart', id: 'prod:shop:cart' };
    expect(objectIdOf({ ...named, __typename: 'Deployment' })).toBe('deployments.apps/prod:shop:cart');
    expect(objectIdOf({ ...named, __typename: 'ObjectReference' })).toBe('deployments.apps/prod:shop:cart');
    expect(objectIdOf({ ...named, kind: 'Unheard', __typename: 'ObjectReference' })).toBeNull();
    const custom = { ...named, __typename: 'CustomResource', id: 'certificates.cert-manager.io/prod:shop:cart' };
    expect(objectIdOf(custom)).toBe(custom.id);
  });
});

describe('addresses', () => {
  it.each([
    ['object', 'certificates.cert-manager.io/prod:shop:cart', {}],
    ['object', 'clusterroles.rbac.authorization.k8s.io/prod::a?b#c%d', {}],
    ['objects', '', { text: 'a & b=c?', labels: 'app in (a,b)' }],
    ['fleet', '', {}],
  ])('of %s %s lead back', (view, id, params) => {
    const route = parseRoute(href(view, params, id));
    expect([route.view, route.id, Object.fromEntries(route.params)]).toEqual([view, id, params]);
  });
});

describe('YAML', () => {
  it.each([
    [
      '  replicas: 3',
      [
        ['plain', '  '],
        ['key', 'replicas'],
        ['plain', ':'],
        ['scalar', ' 3'],
      ],
    ],
    [
      '- name: "a: b"',
      [
        ['mark', '- '],
        ['key', 'name'],
        ['plain', ':'],
        ['string', ' "a: b"'],
      ],
    ],
    [
      '    app.kubernetes.io/name: cart',
      [
        ['plain', '    '],
        ['key', 'app.kubernetes.io/name'],
        ['plain', ':'],
        ['plain', ' cart'],
      ],
    ],
    [
      '- http://x:80/y',
      [
        ['mark', '- '],
        ['plain', 'http://x:80/y'],
      ],
    ],
  ])('%s', (line, tokens) => {
    expect(tokensOf(line)).toEqual(tokens);
    expect(
      tokensOf(line)
        .map(([, text]) => text)
        .join(''),
    ).toBe(line);
  });
});

describe('ages', () => {
  it.each([
    [119, '119s'],
    [120, '2m'],
    [3 * 3600 + 60, '3h1m'],
    [30 * 3600, '30h'],
    [72 * 3600, '3d'],
    [-5, '0s'],
  ])('of %i seconds', (seconds, text) => {
    expect(formatAge(seconds * 1000)).toBe(text);
  });
});
