package dev.quern.core.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The error function against values computed with 30 digits. */
class ErfTest {
  @ParameterizedTest
  @CsvSource({
    "1e-300, 1.1283791670955126e-300, 1.0",
    "1e-10, 1.12837916709551262e-10, 0.999999999887162083",
    "0.01, 0.0112834155558496172, 0.988716584444150383",
    "0.3, 0.328626759459127416, 0.671373240540872584",
    "0.5, 0.520499877813046538, 0.479500122186953462",
    "1, 0.842700792949714869, 0.157299207050285131",
    "1.7, 0.983790458590774561, 0.0162095414092254392",
    "2.4999, 0.999592830099666549, 0.000407169900333451381",
    "2.5, 0.999593047982555041, 0.00040695201744495894",
    "2.6, 0.999763965583470651, 0.000236034416529349088",
    "3, 0.999977909503001415, 0.0000220904969985854414",
    "4, 0.9999999845827421, 1.54172579002800189e-8",
    "5.5, 0.999999999999992642, 7.35784791797439806e-15",
    "8, 1.0, 1.12242971729829271e-29",
    "20, 1.0, 5.39586561160790093e-176",
    "26, 1.0, 5.66319240885614285e-296"
  })
  void valuesAndComplement(double x, double erf, double erfc) {
    assertEquals(erf, Erf.erf(x), Math.abs(erf) * 1e-14);
    assertEquals(erfc, Erf.erfc(x), erfc * 2e-12);
    assertEquals(-erf, Erf.erf(-x), Math.abs(erf) * 1e-14);
  }

  @ParameterizedTest
  @CsvSource({"0.0, 0.0", "-0.0, -0.0", "Infinity, 1", "-Infinity, -1", "1e300, 1"})
  void limits(double x, double erf) {
    assertEquals(erf, Erf.erf(x));
    assertTrue(Double.isNaN(Erf.erf(Double.NaN)));
    assertTrue(Double.isNaN(Erf.erfc(Double.NaN)));
  }
}
