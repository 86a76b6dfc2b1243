import io
import sys
import types
import zipfile

import numpy as np
import pytest

from xelith.metrology.cycler import read_cycler
from xelith.metrology.cycler_record import plated_charge_mah

NEWARE = {
    "21_10_7_85": "21_10_7_85.ndax",
    "TESTCELL0001-B2-2025-M50T_NewareNDA_Investigation": ("TESTCELL0001-B2-2025-M50T_NewareNDA_Investigation.ndax"),
    "TestFile": "TestFile.nda.zip",
    "nda_v22": "nda_v22.nda.zip",
}


@pytest.fixture
def cycler_dir(data_dir):
    return data_dir / "cycler"


def kinds(findings):
    return [finding.kind for finding in findings]


@pytest.mark.data
@pytest.mark.parametrize("name", NEWARE)
def test_neware_gives_the_vendors_capacity_of_every_step(cycler_dir, name):
    polars = pytest.importorskip("polars")
    pytest.importorskip("fastnda")
    record = read_cycler(cycler_dir / "neware" / NEWARE[name])
    vendor = polars.read_parquet(cycler_dir / "neware" / f"{name}.parquet")
    steps = vendor["Step Count"].to_numpy()
    capacity_mah = vendor["Capacity(mAs)"].to_numpy().astype(float) / 3600
    np.testing.assert_array_equal(record.step, steps)
    for step in np.unique(steps):
        last_mah = abs(capacity_mah[steps == step][-1])
        charge = plated_charge_mah(record, steps=[int(step)])
        assert abs(charge.charge_mah) == pytest.approx(last_mah, rel=1e-3, abs=1e-9)
        if name != "nda_v22":  # whose stored currents are 0.7 % above its own counter
            assert abs(charge.integrated_mah) == pytest.approx(last_mah, rel=1.1e-3, abs=1e-9)


@pytest.mark.data
def test_neware_voltage_and_current_are_the_vendors(cycler_dir):
    polars = pytest.importorskip("polars")
    pytest.importorskip("fastnda")
    name = "TESTCELL0001-B2-2025-M50T_NewareNDA_Investigation"
    record = read_cycler(cycler_dir / "neware" / NEWARE[name])
    vendor = polars.read_parquet(cycler_dir / "neware" / f"{name}.parquet")
    assert record.format == "Neware NDAX"
    assert np.abs(record.voltage_v * 1e3 - vendor["Voltage(mV)"].to_numpy()).max() < 0.06  # vendor rounds to 0.1
    assert np.abs(record.current_ma * 1e3 - vendor["Current(uA)"].to_numpy()).max() < 1.0  # and to 1 µA
    assert np.abs(record.time_s - vendor["Total Time"].to_numpy()).max() < 1e-6


@pytest.mark.data
def test_neware_rest_without_a_cell_is_told(cycler_dir):
    pytest.importorskip("fastnda")
    record = read_cycler(cycler_dir / "neware" / "21_10_7_85.ndax")
    assert {"no-voltage", "rest-only"} <= set(kinds(record.findings))
    assert plated_charge_mah(record).charge_mah == 0


@pytest.mark.data
def test_neware_clock_that_runs_backwards_and_stands_still_is_told(cycler_dir):
    pytest.importorskip("fastnda")
    record = read_cycler(cycler_dir / "neware" / "TestFile.nda.zip")
    assert {"clock-backwards", "clock-gap"} <= set(kinds(record.findings))
    assert record.time_s[-1] == pytest.approx(72373.25)
    assert record.wall_time_s[-1] - record.wall_time_s[0] == pytest.approx(89611.83, abs=0.01)


@pytest.mark.data
def test_neware_currents_that_miss_their_counter_are_told(cycler_dir):
    pytest.importorskip("fastnda")
    charge = plated_charge_mah(read_cycler(cycler_dir / "neware" / "nda_v22.nda.zip"))
    assert "counter-disagrees" in kinds(charge.findings)
    assert charge.source == "counter"
    assert charge.charge_mah_std == pytest.approx(0.3, abs=0.01)
    assert charge.integrated_mah / charge.charge_mah - 1 == pytest.approx(0.00503, abs=1e-4)


@pytest.mark.data
def test_neware_stored_currents_are_the_vendors_where_they_miss_its_counter(cycler_dir):
    polars = pytest.importorskip("polars")
    pytest.importorskip("fastnda")
    record = read_cycler(cycler_dir / "neware" / "nda_v22.nda.zip")
    vendor = polars.read_parquet(cycler_dir / "neware" / "nda_v22.parquet")
    np.testing.assert_allclose(record.current_ma * 1e3, vendor["Current(uA)"].to_numpy(), rtol=1e-7)  # float32


@pytest.mark.data
def test_neware_file_under_another_name_is_told_by_content(cycler_dir, tmp_path):
    pytest.importorskip("fastnda")
    copy = tmp_path / "cell7.dat"
    copy.write_bytes((cycler_dir / "neware" / "21_10_7_85.ndax").read_bytes())
    assert read_cycler(copy).format == "Neware NDAX"


@pytest.mark.data
def test_neware_cut_off_is_refused(cycler_dir, tmp_path):
    pytest.importorskip("fastnda")
    whole = (cycler_dir / "neware" / "21_10_7_85.ndax").read_bytes()
    cut = tmp_path / "cut.ndax"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cut\.ndax begins as a zip archive but is cut off"):
        read_cycler(cut)
    with zipfile.ZipFile(cycler_dir / "neware" / "nda_v22.nda.zip") as archive:
        (tmp_path / "cut.nda").write_bytes(archive.read("nda_v22.nda")[:900])
    with pytest.raises(ValueError, match=r"cut\.nda cannot be read"):
        read_cycler(tmp_path / "cut.nda")


@pytest.mark.data
def test_biologic_text_with_header_and_comma_decimals(cycler_dir):
    record = read_cycler(cycler_dir / "biologic" / "Pt_poly_cv_CUT.mpt")
    assert record.format == "BioLogic MPT"
    assert record.time_s.size == 223
    assert record.current_ma[0] == pytest.approx(-2.604324994466466e-03)
    assert record.voltage_v[0] == pytest.approx(0.87869531)
    # (Q-Qo)/C from -9.8251155e-07 in the first row, in coulombs; 1 mAh is 3.6 C
    assert record.counter_mah[1] == pytest.approx((-4.1709131e-06 + 9.8251155e-07) / 3.6)


@pytest.mark.data
def test_biologic_text_without_header(cycler_dir):
    record = read_cycler(cycler_dir / "biologic" / "Sample_data_biologic_no_header.mpt")
    assert record.format == "BioLogic MPT"
    assert record.time_s.size == 13
    assert record.voltage_v[0] == pytest.approx(2.9344745)
    assert "rest-only" in kinds(record.findings)


MPR = {
    "biol.mpr": 23561,
    "00_test_04_MB_C01.mpr": 1501,
    "jdb11-1_c3_gcpl_5cycles_2V-3p8V_C-24_data_C09.mpr": 46102,
}


@pytest.mark.data
@pytest.mark.parametrize("name", [*MPR, "00_test_01_OCV_C01.mpr"])
def test_binary_biologic_without_its_reader_says_what_to_do(cycler_dir, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "galvani", None)
    with pytest.raises(ModuleNotFoundError, match=r"export it from EC-Lab as text \(\.mpt\), or install a reader"):
        read_cycler(cycler_dir / "biologic" / name)


@pytest.mark.data
@pytest.mark.parametrize("name", MPR)
def test_binary_biologic_is_read_whole(cycler_dir, name):
    pytest.importorskip("galvani")
    record = read_cycler(cycler_dir / "biologic" / name)
    assert record.format == "BioLogic MPR"
    assert record.time_s.size == MPR[name]


@pytest.mark.data
def test_binary_biologic_at_open_circuit_holds_no_current(cycler_dir):
    pytest.importorskip("galvani")
    with pytest.raises(ValueError, match="no column holds the current; the table has flags, time/s, Ewe/V"):
        read_cycler(cycler_dir / "biologic" / "00_test_01_OCV_C01.mpr")


def test_binary_biologic_goes_through_an_optional_reader(tmp_path, monkeypatch):
    data = np.zeros(4, dtype=[("Ns", "i4"), ("time/s", "f8"), ("dq/mA.h", "f8"), ("(Q-Qo)/mA.h", "f8")])
    data["time/s"] = [0, 3600, 7200, 10800]
    data["dq/mA.h"] = [0.5, 1, 1, 1]
    data["(Q-Qo)/mA.h"] = [0.5, 1.5, 2.5, 3.5]
    reader = types.ModuleType("galvani")
    reader.BioLogic = types.SimpleNamespace(MPRfile=lambda path: types.SimpleNamespace(data=data))
    monkeypatch.setitem(sys.modules, "galvani", reader)
    path = tmp_path / "a.mpr"
    path.write_bytes(b"BIO-LOGIC MODULAR FILE\x1a" + bytes(60))
    record = read_cycler(path)
    assert record.format == "BioLogic MPR"
    assert "current-derived" in kinds(record.findings)
    np.testing.assert_allclose(record.current_ma[1:], 1.0)
    assert plated_charge_mah(record).charge_mah == pytest.approx(3.0)


@pytest.mark.data
def test_binary_biologic_agrees_with_another_reader(cycler_dir):
    pytest.importorskip("galvani")
    polars = pytest.importorskip("polars")
    other = polars.read_parquet(cycler_dir / "biologic" / "biol_mpr_cellpy_reference.parquet")
    record = read_cycler(cycler_dir / "biologic" / "biol.mpr")
    np.testing.assert_allclose(record.time_s, other["test_time"].to_numpy(), atol=1e-6)
    assert plated_charge_mah(record).charge_mah == pytest.approx(other["QminusQnull"].to_numpy()[-1], rel=1e-6)


@pytest.mark.data
def test_arbin_workbook_of_graphite_against_lithium(cycler_dir):
    pytest.importorskip("openpyxl")
    record = read_cycler(next((cycler_dir / "arbin").glob("*.xlsx")))
    assert record.format == "Arbin XLSX"
    assert record.time_s.size == 4526
    filled = plated_charge_mah(record, steps=[2], plating="discharge")
    assert filled.charge_mah == pytest.approx(5.79803949, rel=1e-4)  # Discharge_Capacity at the end of step 2
    assert filled.integrated_mah == pytest.approx(5.79803949, rel=1e-4)
    whole = plated_charge_mah(record, plating="discharge")
    assert whole.plated_mah == pytest.approx(11.0548977, rel=1e-5)
    assert whole.stripped_mah == pytest.approx(5.7027028, rel=1e-5)


@pytest.mark.data
def test_arbin_text_with_byte_order_mark(cycler_dir):
    record = read_cycler(cycler_dir / "arbin" / "sample_data_arbin.csv")
    assert record.format == "Arbin CSV"
    assert record.current_ma[-1] == pytest.approx(2650.138)
    charge = plated_charge_mah(record, steps=[3])
    # 0.000400839 Ah charged less 2.04379e-5 Ah discharged, which the instrument booked into this step
    assert charge.charge_mah == pytest.approx(0.3804011)
    assert charge.integrated_mah == pytest.approx(charge.charge_mah, rel=1e-3)


@pytest.mark.data
def test_arbin_database_says_how_to_export(cycler_dir):
    with pytest.raises(ValueError, match=r"Microsoft Access database; export it from MITS Pro"):
        read_cycler(cycler_dir / "arbin" / "arbin_example.res")


@pytest.mark.data
def test_maccor_needs_its_units_declared(cycler_dir):
    path = cycler_dir / "maccor" / "sample_data_maccor.csv"
    with pytest.raises(ValueError, match=r"current column has no unit.*units=\{'current': 'mA'\}"):
        read_cycler(path)
    record = read_cycler(path, units={"current": "mA", "counter": "mAh"})
    assert record.format == "Maccor CSV"
    assert record.time_s.size == 15
    assert record.current_ma[-1] == pytest.approx(28.798)
    assert "sign-unknown" in kinds(record.findings)
    charge = plated_charge_mah(record, steps=[2])
    assert charge.charge_mah == pytest.approx(0.024)
    assert charge.integrated_mah == pytest.approx(0.024, abs=0.0005)  # the counter has three decimals


@pytest.mark.data
def test_novonix_with_blocks_above_its_table(cycler_dir):
    record = read_cycler(cycler_dir / "novonix" / "sample_data_novonix.csv")
    assert record.format == "Novonix CSV"
    assert record.time_s[-1] == pytest.approx(3.4131889 * 3600)
    charge = plated_charge_mah(record)
    assert charge.charge_mah == pytest.approx(1706.52976)
    assert charge.integrated_mah == pytest.approx(1706.52976, rel=1e-3)


BDF = """Test Time / s,Voltage / V,Current / A,Unix Time / s,Cycle Count / 1,Step Index / 1,Step Capacity / Ah
0,2.5,0.0002,1700000000,1,1,0
1800,2.4,0.0002,1700001800,1,1,0.0001
3600,2.3,0.0002,1700003600,1,1,0.0002
3600,2.6,-0.0001,1700003600,1,2,0
7200,2.7,-0.0001,1700007200,1,2,0.0001
"""


@pytest.mark.parametrize("as_machine", [False, True])
def test_battery_data_format(tmp_path, as_machine):
    text = BDF
    if as_machine:
        names = "test_time_second,voltage_volt,current_ampere,unix_time_second,cycle_count,step_index,step_capacity_ah"
        text = "\n".join([names, *BDF.splitlines()[1:]])
    path = tmp_path / "cell.bdf.csv"
    path.write_text(text)
    record = read_cycler(path)
    assert record.format == "Battery data format CSV"
    np.testing.assert_allclose(record.current_ma, [0.2, 0.2, 0.2, -0.1, -0.1])
    np.testing.assert_array_equal(record.step, [1, 1, 1, 2, 2])
    charge = plated_charge_mah(record)
    assert (charge.plated_mah, charge.stripped_mah) == pytest.approx((0.2, 0.1))
    assert charge.integrated_mah == pytest.approx(0.1)
    assert "counter-unsigned" in kinds(record.findings)


def test_plain_table_with_named_columns_and_units(tmp_path):
    path = tmp_path / "plain.csv"
    path.write_text("made by hand\nt;strom;U\n0;0,5;2,1\n60;0,5;2,2\n120;0,5;2,3\n")
    with pytest.raises(ValueError, match="names a time and a current"):
        read_cycler(path)
    path.write_text("t;I;U\n0;0,5;2,1\n60;0,5;2,2\n120;0,5;2,3\n")
    record = read_cycler(
        path,
        columns={"time": "t", "voltage": "U"},
        units={"time": "min", "current": "mA"},
    )
    assert plated_charge_mah(record).charge_mah == pytest.approx(1.0)
    np.testing.assert_allclose(record.voltage_v, [2.1, 2.2, 2.3])


def test_utf16_and_latin_text(tmp_path):
    text = "Time (s),Current (µA),Temperature (°C)\n0,100,25\n36,100,25\n"
    for encoding in ("utf-16", "latin-1", "utf-8-sig"):
        path = tmp_path / f"{encoding}.csv"
        path.write_bytes(text.encode(encoding))
        assert plated_charge_mah(read_cycler(path)).charge_mah == pytest.approx(0.001)


def test_workbook_without_a_table_is_refused(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["hello"])
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(ValueError, match="no sheet of"):
        read_cycler(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x01\0\0\0rubbish", "binary and of no known kind"),
        (b"hello\nworld\n", "names a time and a current"),
        (b"Time (s),Current (mA)\n", "headers but no rows"),
        (b"Time (s),Current (mA),Voltage (V),Ah\n0,1,2,3\n1\n", "row 2 of the table"),
        (b"Time (s),Current (mA)\n0,1\n1,abc\n", "'abc' stands where a number should"),
        (b"Time (s),Current (mA)\n,1\n1,2\n", "1 samples have no time"),
    ],
)
def test_bad_files_are_refused(tmp_path, content, message):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_cycler(path)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_cycler(tmp_path / "none.csv")


def test_archive_of_several_files_is_refused(tmp_path):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "y")
    (tmp_path / "two.zip").write_bytes(memory.getvalue())
    with pytest.raises(ValueError, match=r"holds 2 files; unpack it and open one: a\.csv, b\.csv"):
        read_cycler(tmp_path / "two.zip")
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.writestr("deep/../../a.csv", "Time (s),Current (mA)\n0,1\n3600,1\n")
    assert plated_charge_mah(read_cycler(tmp_path / "one.zip")).charge_mah == pytest.approx(1.0)
    assert not (tmp_path.parent / "a.csv").exists()
