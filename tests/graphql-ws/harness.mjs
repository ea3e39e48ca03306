// A list of named checks, run one after the other, each with a deadline.

const checks = [];

export function check(name, run) {
  checks.push({ name, run });
}

export function equal(actual, expected, what) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a} instead of ${b}`);
}

export async function within(promise, ms, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export async function runAll() {
  let passed = 0;
  let failed = 0;
  for (const { name, run } of checks) {
    try {
      await within(run(), 20_000, name);
      console.log(`ok   ${name}`);
      passed += 1;
    } catch (error) {
      console.log(`FAIL ${name}: ${error?.message ?? JSON.stringify(error)}`);
      failed += 1;
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
