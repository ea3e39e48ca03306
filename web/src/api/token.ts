// What people paste when they are asked for a token.

/** What a bearer token may consist of (RFC 6750, 2.1). Anything else the browser may refuse to send. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/**
 * The token in a pasted text: alone, after `Bearer`, or in what a credential plugin of kubectl prints, such as
 * kubelogin. Null if there is none.
 */
export function tokenIn(pasted: string): string | null {
  const text = pasted.trim();
  const token = text.startsWith('{') ? printedToken(text) : text.replace(/^(authorization:\s*)?bearer(\s+|$)/i, '');
  return typeof token === 'string' && TOKEN.test(token) ? token : null;
}

/** Whom a JSON Web Token belongs to, as far as it says so itself. It is not checked; null of any other token. */
export function ownerOf(token: string): string | null {
  try {
    const payload = token.split('.', 2)[1]?.replaceAll('-', '+').replaceAll('_', '/');
    const { iss, sub } = JSON.parse(atob(payload ?? ''));
    return iss && sub ? `${iss} ${sub}` : null;
  } catch {
    return null;
  }
}

/** `{"kind": "ExecCredential", "status": {"token": "…"}}` */
function printedToken(text: string): unknown {
  try {
    return JSON.parse(text)?.status?.token;
  } catch {
    return null;
  }
}
