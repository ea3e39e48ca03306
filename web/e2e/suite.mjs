// Tests in the order in which they stand, over one page; each must leave it quiet.

export function suite(browser) {
  const results = [];
  return {
    /** What matches one of `expected` is no noise. */
    async test(name, run, expected = []) {
      const start = performance.now();
      let error = null;
      try {
        await run();
        browser.assertQuiet(expected);
      } catch (problem) {
        error = problem;
        await browser.screenshot(`failed-${results.length}`).catch(() => {});
      }
      browser.forgetNoise();
      results.push({ name, error });
      console.log(`${error ? 'FAILED' : 'ok    '} ${name} (${Math.round(performance.now() - start)} ms)`);
      if (error) console.log(String(error.stack ?? error).replace(/^/gm, '         '));
    },

    /** Says how it went, and gives the code to exit with. */
    end(output) {
      const failed = results.filter(({ error }) => error);
      console.log(`${results.length - failed.length} passed, ${failed.length} failed; screenshots are in ${output}`);
      return failed.length === 0 ? 0 : 1;
    },
  };
}
